import type { Argument, Command, Example, Group } from "../command.ts";
import { HELP_OPTION, REMOTE_OPTION, VERSION_OPTION } from "../global_options.ts";
import { examplesOf } from "../help.ts";
import type { Option } from "../options.ts";

/** A command in the manual, independent of the manual's format. */
export interface CommandEntry {
  /** `llorch config get [options] <key>` */
  readonly usage: string;
  readonly summary: string;
  readonly args: readonly Argument[];
  /** Its own: the options of every command are described once. */
  readonly options: readonly Option[];
  readonly examples: readonly Example[];
}

/** A top-level group or command in the manual, with all that it contains. */
export interface Page {
  /** `config`; empty for the program itself. */
  readonly name: string;
  readonly summary: string;
  readonly examples: readonly Example[];
  readonly commands: readonly CommandEntry[];
}

/** Options of every command. */
export const COMMON_OPTIONS: readonly Option[] = [REMOTE_OPTION, HELP_OPTION];

/** Options of the program itself. */
export const PROGRAM_OPTIONS: readonly Option[] = [VERSION_OPTION, ...COMMON_OPTIONS];

/** A page for each top-level group or command, in their order. */
export function manualPages(root: Group): Page[] {
  return root.members.map((member) => ({
    name: member.name,
    summary: member.summary,
    examples: member.kind === "group" ? examplesOf(member) : [],
    commands: commandsOf(member, [root.name]),
  }));
}

function commandsOf(member: Group | Command, above: readonly string[]): CommandEntry[] {
  const path = [...above, member.name];
  if (member.kind === "group") return member.members.flatMap((each) => commandsOf(each, path));
  const { summary, examples = [], arguments: args = [] } = member;
  const options = member.options.filter(({ isHidden }) => !isHidden);
  const words = [...path, ...(options.length > 0 ? ["[options]"] : []), ...args.map(nameOf)];
  return [{ usage: words.join(" "), summary, args, options, examples }];
}

function nameOf({ name }: Argument): string {
  return name;
}
