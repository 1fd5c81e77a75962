import { UsageError } from "#shared/lifecycle.ts";
import type { Config } from "../config.ts";

/** A command of orchestratord's executable: takes its arguments and returns the exit code. */
export type Command = (
  words: readonly string[],
  config: Config,
  flags: Readonly<Record<string, string | boolean | undefined>>,
) => Promise<number>;

/** Every command that `configSpec` names. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  backup: async () => (await import("./backup.ts")).backup,
  keys: async () => (await import("./keys.ts")).keys,
  store: async () => (await import("./store.ts")).store,
};

/**
 * Runs a command by its name.
 *
 * @throws {UsageError} if there is no such command
 */
export async function runCommand(
  name: string,
  words: readonly string[],
  config: Config,
  flags: Parameters<Command>[2],
): Promise<number> {
  const load = COMMANDS[name];
  if (load === undefined) throw new UsageError(`There is no command "${name}"`);
  return await (await load())(words, config, flags);
}
