import { UsageError } from "#shared/lifecycle.ts";
import type { Options } from "../command.ts";

/** What was given for an option that takes one word. */
export function textOption(options: Options, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" ? value : undefined;
}

/**
 * What was given for an option that takes a number.
 *
 * @param name In camel case, as in `options`.
 * @throws {UsageError} when it is none.
 */
export function numberOption(options: Options, name: string): number | undefined {
  const text = textOption(options, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new UsageError(`${flagOf(name)} must be a number: current value is "${text}"`);
}

/**
 * {@linkcode numberOption} for whole numbers in a range.
 *
 * @throws {UsageError} when it is none.
 */
export function integerOption(
  options: Options,
  name: string,
  { min, max }: { readonly min: number; readonly max: number },
): number | undefined {
  const value = numberOption(options, name);
  if (value === undefined || Number.isInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(
    `${flagOf(name)} must be a whole number from ${min} to ${max}: current value is ${value}`,
  );
}

/** `maxTokens` or `max_tokens` as people type it: `--max-tokens`. */
export function flagOf(name: string): string {
  return "--" + name.replaceAll("_", "-").replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

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
