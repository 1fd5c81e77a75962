import type { Argument, Command, Group } from "../command.ts";
import { HELP_OPTION, REMOTE_OPTION, VERSION_OPTION } from "../global_options.ts";
import type { Option, Values } from "../options.ts";

/** A word that a shell may offer, and what it means. */
export interface Word {
  readonly word: string;
  readonly summary: string;
}

/**
 * What a shell may offer after the name of a group or command.
 *
 * A *spec* says what a value may be: `a|b|c`, or `@models` for names that are looked up when the
 * shell asks, or `@files`; empty for free text.
 */
export interface Facts {
  /** Names of the groups and the command, without the program's own. */
  readonly path: readonly string[];
  readonly members: readonly Word[];
  readonly options: readonly Word[];
  /** The options that take a value: `--model=@models`. */
  readonly valued: readonly string[];
  /** Specs of the arguments, in their order. */
  readonly args: readonly string[];
  /** Whether the last argument takes any number of words. */
  readonly isVariadic: boolean;
}

/** The facts of every group and command, the program itself first. */
export function completionFacts(root: Group): Facts[] {
  return factsOf(root, [], [VERSION_OPTION]);
}

function factsOf(
  member: Group | Command,
  path: readonly string[],
  more: readonly Option[] = [],
): Facts[] {
  const members = member.kind === "group" ? member.members : [];
  const args = member.kind === "command" ? member.arguments ?? [] : [];
  const own = member.kind === "command" ? member.options : [];
  const options = [...own, REMOTE_OPTION, ...more, HELP_OPTION].filter(({ isHidden }) => !isHidden);
  const facts: Facts = {
    path,
    members: members.map(({ name, summary }) => ({ word: name, summary })),
    options: options.flatMap(({ flags, summary }) =>
      optionNames(flags).map((word) => ({ word, summary }))
    ),
    valued: options.filter(takesValue).flatMap(({ flags, values }) =>
      optionNames(flags).map((name) => `${name}=${specOf(values)}`)
    ),
    args: args.map(({ values }) => specOf(values)),
    isVariadic: args.at(-1)?.name.includes("...") ?? false,
  };
  return [facts, ...members.flatMap((each) => factsOf(each, [...path, each.name]))];
}

/** `-n, --lines <count>` as `-n` and `--lines`. */
export function optionNames(flags: string): string[] {
  return flags.split(/[ ,|]+/).filter((part) => part.startsWith("-"));
}

function takesValue({ flags }: Option): boolean {
  return flags.includes("<");
}

function specOf(values: Argument["values"]): string {
  return values === undefined ? "" : isList(values) ? values.join("|") : `@${values}`;
}

function isList(values: Values): values is readonly string[] {
  return typeof values !== "string";
}
