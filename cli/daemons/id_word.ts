import { UsageError } from "#shared/lifecycle.ts";

/**
 * The id that a command is about, its first argument.
 *
 * @param what `job`
 * @param source The command that lists the ids.
 * @throws {UsageError} when it is empty, for example because a shell variable is not set.
 */
export function idWord(args: readonly string[], what: string, source: string): string {
  const [id = ""] = args;
  if (id.trim() !== "") return id;
  throw new UsageError(`The id of the ${what} is empty; ${source} shows the ids`);
}
