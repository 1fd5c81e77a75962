import type { z } from "zod";

/** The configuration, flags and commands of a program. */
export interface ConfigSpec<S extends z.ZodObject> {
  /** Name of the executable, for messages. */
  readonly program: string;
  /** One line for the help. */
  readonly summary: string;
  readonly schema: S;
  /** Checks keys together; throws a `FaultyKey`, or a `UsageError` where several keys are the cause. */
  readonly check?: (config: z.output<S>) => void;
  /**
   * What is wrong with the files and services that keys name; only `--check-config` asks for it. A
   * daemon starts all the same: what needs such a file fails when it is used.
   */
  readonly checkFiles?: (config: z.output<S>) => Promise<readonly FileProblem[]>;
  /** Lines for `--check-config` about what keys name, if nothing is wrong with it. */
  readonly describe?: (config: z.output<S>) => Promise<readonly string[]>;
  /** Read when no `--config` is given and it exists. */
  readonly defaultFile?: string | undefined;
  /** Flags that are not config keys, and therefore exist only on the command line. */
  readonly extraFlags?: FlagFacts;
  /** Whether the program has a config file; the worker has none. @default true */
  readonly hasFile?: boolean;
  /** Commands by name, e.g. `backup`: the program runs one instead of serving. */
  readonly commands?: Readonly<Record<string, CommandFacts>>;
}

/** What is wrong with a file that a key names. */
export interface FileProblem {
  /** Path of the key. */
  readonly key: readonly string[];
  readonly message: string;
}

/** Flags that are not config keys. */
export type FlagFacts = Readonly<Record<string, { type: "string" | "boolean"; help: string }>>;

/** A command of a daemon's executable. */
export interface CommandFacts {
  /** Arguments of the command, for the help: `FILE`. */
  readonly words: string;
  readonly summary: string;
  /** Config keys that it uses, for its help: `state_dir`. */
  readonly uses?: readonly string[];
  /** Flags of only this command. */
  readonly flags?: FlagFacts;
}

/** Flags of a program and of all its commands that are not config keys. */
export function ownFlags<S extends z.ZodObject>(spec: ConfigSpec<S>): FlagFacts {
  const ofCommands = Object.values(spec.commands ?? {}).map(({ flags }) => flags ?? {});
  return Object.assign({}, spec.extraFlags, ...ofCommands);
}
