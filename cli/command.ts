import type { Context } from "./context.ts";

/** An option of a command. */
export interface Option {
  /** As commander reads it: `--json`, `-n, --lines <count>`, `--file <path...>`. */
  readonly flags: string;
  readonly summary: string;
  /** What a shell may offer as its value. */
  readonly values?: Values;
  /** Left out of help and documentation: for programs, not for people. */
  readonly isHidden?: boolean;
}

/** A word that a command takes. */
export interface Argument {
  /** As commander reads it: `<model>`, `[branch]`, `<words...>`. */
  readonly name: string;
  readonly summary: string;
  /** What a shell may offer. */
  readonly values?: Values;
}

/** Words of which one is meant: a fixed list, or names that are looked up when a shell asks. */
export type Values = readonly string[] | "models" | "catalog" | "hosts" | "jobs" | "files";

/** An example of a command line, shown in its help. */
export interface Example {
  /** Without the program's name: `models download tinyllama`. */
  readonly line: string;
  readonly summary: string;
}

/** What the person chose, by the option's long name in camel case. */
export type Options = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** What a command is called with. */
export interface Invocation {
  /** The words, in the order of the command's arguments; a variadic one is flattened. */
  readonly args: readonly string[];
  readonly options: Options;
  /** Every command that there is. */
  readonly root: Group;
}

/** The code of a command; it is loaded when the command runs, so that `--help` stays fast. */
export interface Implementation {
  /** @returns the exit code */
  run(invocation: Invocation, context: Context): Promise<number>;
}

/** A command: facts about it, and where its code is. */
export interface Command {
  readonly kind: "command";
  readonly name: string;
  readonly summary: string;
  readonly arguments?: readonly Argument[];
  readonly options: readonly Option[];
  readonly examples?: readonly Example[];
  load(): Promise<Implementation>;
}

/** Commands that belong together: `llorch dev …`. */
export interface Group {
  readonly kind: "group";
  readonly name: string;
  readonly summary: string;
  readonly examples?: readonly Example[];
  readonly members: readonly (Command | Group)[];
}

/** The option of every command that has data to show. */
export const JSON_OPTION: Option = { flags: "--json", summary: "JSON instead of text" };

/** The option of every command that reports progress. */
export const QUIET_OPTION: Option = { flags: "-q, --quiet", summary: "Say only what went wrong" };

/** The option of every command that would ask first. */
export const YES_OPTION: Option = { flags: "-y, --yes", summary: "Ask nothing: yes to everything" };
