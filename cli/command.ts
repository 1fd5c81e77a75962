import type { Context } from "./context.ts";

/** An option of a command. */
export interface Option {
  /** As commander reads it: `--json`, `-n, --lines <count>`. */
  readonly flags: string;
  readonly summary: string;
}

/** What the person chose, by the option's long name in camel case. */
export type Options = Readonly<Record<string, string | boolean | undefined>>;

/** The code of a command; it is loaded when the command runs, so that `--help` stays fast. */
export interface Implementation {
  /** @returns the exit code */
  run(options: Options, context: Context): Promise<number>;
}

/** A command: facts about it, and where its code is. */
export interface Command {
  readonly kind: "command";
  readonly name: string;
  readonly summary: string;
  readonly options: readonly Option[];
  load(): Promise<Implementation>;
}

/** Commands that belong together: `llorch dev …`. */
export interface Group {
  readonly kind: "group";
  readonly name: string;
  readonly summary: string;
  readonly members: readonly (Command | Group)[];
}
