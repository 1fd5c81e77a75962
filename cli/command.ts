import type { Context } from "./context.ts";
import {
  type Given,
  type Option,
  type OptionSet,
  readOptions,
  type Values,
  type ValuesOf,
} from "./options.ts";

/** A word that a command takes. */
export interface Argument {
  /** As commander reads it: `<model>`, `[branch]`, `<words...>`. */
  readonly name: string;
  readonly summary: string;
  /** What a shell may offer. */
  readonly values?: Values;
}

/** An example of a command line, shown in its help. */
export interface Example {
  /** Without the program's name: `models download tinyllama`. */
  readonly line: string;
  readonly summary: string;
}

/** What a command is called with. */
export interface Invocation<O = Given> {
  /** The words, in the order of the command's arguments; a variadic one is flattened. */
  readonly args: readonly string[];
  readonly options: O;
  /** Every command that there is. */
  readonly root: Group;
}

/**
 * The code of a command.
 *
 * @returns the exit code
 */
export type Run<O = Given> = (invocation: Invocation<O>, context: Context) => Promise<number>;

/** What {@linkcode Command.load} gives. */
export interface Implementation {
  readonly run: Run;
}

/** A command: facts about it, and where its code is. */
export interface Command {
  readonly kind: "command";
  readonly name: string;
  readonly summary: string;
  readonly arguments?: readonly Argument[];
  readonly options: readonly Option[];
  readonly examples?: readonly Example[];
  /** Loads its code: only when the command runs, so that `--help` stays fast. */
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

/** A command as its group states it. */
export interface CommandFacts<O extends OptionSet = OptionSet>
  extends Omit<Command, "kind" | "options" | "load"> {
  readonly options?: O;
  /** Its code, which takes the values of these options. */
  readonly load: () => Promise<Run<ValuesOf<O>>>;
}

/**
 * A command whose code gets the values of its options, read and checked.
 *
 * The code says which values it takes: `Invocation<{ json: boolean }>`. The compiler refuses a
 * command whose options do not give them.
 */
export function command<O extends OptionSet = Record<never, never>>(
  { options = {} as O, load, ...facts }: CommandFacts<O>,
): Command {
  return {
    kind: "command",
    ...facts,
    options: Object.values(options),
    async load() {
      const run = await load();
      return {
        run: async (invocation, context) =>
          await run({ ...invocation, options: readOptions(options, invocation.options) }, context),
      };
    },
  };
}
