import type { Context } from "./context.ts";
import {
  type Given,
  type Option,
  type OptionSet,
  readOptions,
  type Values,
  type ValuesOf,
} from "./options.ts";

/** An argument of a command. */
export interface Argument {
  /** As commander reads it: `<model>`, `[branch]`, `<words...>`. */
  readonly name: string;
  readonly summary: string;
  /** Values that shell completion offers. */
  readonly values?: Values;
}

/** An example of a command line, shown in its help. */
export interface Example {
  /** Without the program's name: `models download tinyllama`. */
  readonly line: string;
  readonly summary: string;
}

/** The arguments and options of one call of a command. */
export interface Invocation<O = Given> {
  /** In the order of the command's arguments; a variadic one is flattened. */
  readonly args: readonly string[];
  readonly options: O;
  /** The group that contains every command. */
  readonly root: Group;
}

/**
 * The code of a command.
 *
 * @returns the exit code
 */
export type Run<O = Given> = (invocation: Invocation<O>, context: Context) => Promise<number>;

/** Result of {@linkcode Command.load}. */
export interface Implementation {
  readonly run: Run;
}

/** A command: its description, and how to load its code. */
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

/** Description of a command, as its group passes it to {@linkcode command}. */
export interface CommandFacts<O extends OptionSet = OptionSet>
  extends Omit<Command, "kind" | "options" | "load"> {
  readonly options?: O;
  /** Loads its code, which takes the values of these options. */
  readonly load: () => Promise<Run<ValuesOf<O>>>;
}

/**
 * A command whose code receives the parsed and checked values of its options.
 *
 * The type of the code says which values it takes: `Invocation<{ json: boolean }>`. The compiler
 * rejects a command whose options do not provide them.
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
