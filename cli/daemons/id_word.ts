import { UsageError } from "#shared/lifecycle.ts";

/**
 * The id that a command is about, its first word.
 *
 * @param what `job`
 * @param source The command that names them.
 * @throws {UsageError} when it is empty, as an unset variable of a shell leaves it.
 */
export function idWord(args: readonly string[], what: string, source: string): string {
  const [id = ""] = args;
  if (id.trim() !== "") return id;
  throw new UsageError(`Cannot tell which ${what}: its id is empty; ${source} names them`);
}
