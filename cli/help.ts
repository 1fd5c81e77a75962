import type { Command, Example, Group } from "./command.ts";
import { columns } from "#shared/columns.ts";

/** What the exit codes of every executable mean (`EXIT`). */
export const EXIT_CODES = [
  ["0", "done"],
  ["1", "failed"],
  ["2", "wrong usage or configuration"],
  ["130", "interrupted; a command that runs until Ctrl-C ends with 0 instead"],
] as const;

/** The text below the options and commands of a help text. */
export function helpFooter(member: Command | Group, isRoot: boolean, width?: number): string {
  const lines = examplesOf(member).map(({ line, summary }) => [`  llorch ${line}`, summary]);
  return [
    ...(lines.length === 0 ? [] : ["", "Examples:", ...columns(lines, { width })]),
    ...(isRoot
      ? [
        "",
        "Exit codes:",
        ...columns(EXIT_CODES.map(([code, is]) => [`  ${code}`, is]), { width }),
      ]
      : []),
  ].join("\n");
}

/** The examples of a command or group; for a group without any, the first of each member. */
export function examplesOf(member: Command | Group): readonly Example[] {
  if (member.examples !== undefined || member.kind === "command") return member.examples ?? [];
  return member.members.flatMap((each) => examplesOf(each).slice(0, 1));
}
