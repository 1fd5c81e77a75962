import { UsageError } from "#shared/lifecycle.ts";

/**
 * Quotes a word for a POSIX shell. In single quotes only the quote itself has a meaning.
 *
 * @throws {UsageError} for a NUL character, which no command line can carry
 */
export function quoteWord(word: string): string {
  if (word.includes("\0")) throw new UsageError("Cannot pass on a word with a NUL character");
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Words as one line for a shell; each arrives as it is. */
export function quoteWords(words: readonly string[]): string {
  return words.map(quoteWord).join(" ");
}

/** The path of a program; `~/` at its beginning means the home folder there. */
export function quoteProgram(path: string): string {
  return path.startsWith("~/") ? `~/${quoteWord(path.slice(2))}` : quoteWord(path);
}
