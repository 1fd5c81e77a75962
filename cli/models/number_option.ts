import { UsageError } from "#shared/lifecycle.ts";
import type { Options } from "../command.ts";

/**
 * The value of an option that is a whole number, 1 or more; undefined when it is not given.
 *
 * @throws {UsageError} naming the option and what was typed.
 */
export function numberOption(options: Options, name: string): number | undefined {
  const text = options[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^\d+$/.test(String(text)) && value >= 1 && value <= 2 ** 31) return value;
  throw new UsageError(`--${name} must be a whole number, 1 or more: current value is "${text}"`);
}
