import { UsageError } from "#shared/lifecycle.ts";

/** An option of a command, as help, manual and completions show it. */
export interface Option {
  /** As commander reads it: `--json`, `-n, --lines <count>`, `--file <path...>`. */
  readonly flags: string;
  readonly summary: string;
  /** Values that shell completion offers. */
  readonly values?: Values;
  /** Left out of help and documentation: for programs, not for people. */
  readonly isHidden?: boolean;
}

/** Possible values: a fixed list, or names that are looked up when a shell asks. */
export type Values = readonly string[] | "models" | "catalog" | "hosts" | "jobs" | "files";

/** What was typed, by the option's long name in camel case. */
export type Given = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** An option with a typed value. */
export interface TypedOption<T> extends Option {
  /**
   * Parses what was typed; undefined when the option was not given.
   *
   * @param flag For messages: `--lines`.
   * @throws {UsageError} that names the flag and says what would be right.
   */
  readonly read: (typed: Given[string], flag: string) => T;
}

/** The options of a command, by the names that its code has for them. */
export type OptionSet = Readonly<Record<string, TypedOption<unknown>>>;

/** The values of a set of options. */
export type ValuesOf<O extends OptionSet> = {
  readonly [K in keyof O]: ReturnType<O[K]["read"]>;
};

/**
 * Parses the values of a set of options.
 *
 * @throws {UsageError} for the first option that is wrong.
 */
export function readOptions<O extends OptionSet>(options: O, given: Given): ValuesOf<O> {
  const values = Object.entries(options).map(([key, { flags, read }]) => {
    const flag = longFlag(flags);
    return [key, read(given[nameOf(flag)], flag)];
  });
  return Object.fromEntries(values) as ValuesOf<O>;
}

/** `-n, --max-tokens <count>` as `--max-tokens`. */
function longFlag(flags: string): string {
  const [flag] = /--[\w-]+/.exec(flags) ?? [];
  if (flag === undefined) throw new TypeError(`An option needs a long name: "${flags}"`);
  return flag;
}

/** `--max-tokens` as `maxTokens`. */
function nameOf(flag: string): string {
  return flag.slice(2).replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** The optional fields of an option. */
type More = Pick<Option, "values" | "isHidden">;

/** An option without a value: given or not. */
export function flag(flags: string, summary: string): TypedOption<boolean> {
  return { flags, summary, read: (typed) => typed === true };
}

/** An option with a value of any kind. */
function valued<T>(
  flags: string,
  summary: string,
  more: More,
  parse: (text: string, flag: string) => T,
): TypedOption<T | undefined> {
  const read = (typed: Given[string], flag: string) =>
    typeof typed === "string" ? parse(typed, flag) : undefined;
  return { flags, summary, ...more, read };
}

/** An option whose value is kept as it was typed. */
export function text(
  flags: string,
  summary: string,
  more: More = {},
): TypedOption<string | undefined> {
  return valued(flags, summary, more, (typed) => typed);
}

/** An option with one or more values: `--stop <text...>`. */
export function texts(flags: string, summary: string): TypedOption<readonly string[] | undefined> {
  return { flags, summary, read: (typed) => typeof typed === "object" ? typed : undefined };
}

/** An option whose value is one of some words. */
export function oneOf<const W extends string>(
  flags: string,
  summary: string,
  words: readonly W[],
): TypedOption<W | undefined> {
  return valued(flags, summary, { values: words }, (typed, flag) => {
    const word = words.find((each) => each === typed);
    if (word !== undefined) return word;
    throw new UsageError(
      `${flag} must be one of ${words.join(", ")}: current value is "${typed}"`,
    );
  });
}

/** An option whose value is a number. */
export function number(flags: string, summary: string): TypedOption<number | undefined> {
  return valued(flags, summary, {}, parseNumber);
}

/** An option whose value is a whole number in a range. */
export function wholeNumber(
  flags: string,
  summary: string,
  { min, max }: { readonly min: number; readonly max: number },
): TypedOption<number | undefined> {
  return valued(flags, summary, {}, (typed, flag) => {
    const value = parseNumber(typed, flag);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new UsageError(
      `${flag} must be a whole number from ${min} to ${max}: current value is ${value}`,
    );
  });
}

/** An option whose value is different whole numbers in a range, with commas between them. */
export function wholeNumbers(
  flags: string,
  summary: string,
  { min, max }: { readonly min: number; readonly max: number },
): TypedOption<readonly number[] | undefined> {
  return valued(flags, summary, {}, (typed, flag) => {
    const values = typed.split(",").map((part) => /^\d+$/.test(part) ? Number(part) : NaN);
    const isGood = values.every((value) => value >= min && value <= max) &&
      new Set(values).size === values.length;
    if (isGood) return values;
    throw new UsageError(
      `${flag} must be different whole numbers from ${min} to ${max}, such as 0,1: ` +
        `current value is "${typed}"`,
    );
  });
}

/** An option whose value is a whole number in a range, or a word. */
export function wholeNumberOr<const W extends string>(
  word: W,
  flags: string,
  summary: string,
  range: { readonly min: number; readonly max: number },
): TypedOption<number | W | undefined> {
  const { read: readNumber, ...facts } = wholeNumber(flags, summary, range);
  return { ...facts, read: (typed, flag) => typed === word ? word : readNumber(typed, flag) };
}

/** An option whose value is a count: a whole number in digits, 1 or more. */
export function count(flags: string, summary: string): TypedOption<number | undefined> {
  return valued(flags, summary, {}, (typed, flag) => {
    const value = Number(typed);
    if (/^\d+$/.test(typed) && value >= 1 && value <= 2 ** 31) return value;
    throw new UsageError(
      `${flag} must be a whole number, 1 or more: current value is "${typed}"`,
    );
  });
}

/** An option that is typed in seconds, and read in milliseconds. */
export function seconds(flags: string, summary: string, standard: number): TypedOption<number> {
  const { read: readNumber, ...facts } = number(flags, summary);
  const read = (typed: Given[string], flag: string) => {
    const value = readNumber(typed, flag) ?? standard;
    if (value >= 0) return Math.round(value * 1000);
    throw new UsageError(`${flag} must be 0 or more seconds: current value is ${value}`);
  };
  return { ...facts, read };
}

/** An option whose value is an http or https URL; read without slashes at its end. */
export function httpUrl(flags: string, summary: string): TypedOption<string | undefined> {
  return valued(flags, summary, {}, (typed, flag) => {
    const url = typed.replace(/\/+$/, "");
    if (/^https?:$/.test(URL.parse(url)?.protocol ?? "")) return url;
    throw new UsageError(`${flag} must be an http or https URL: current value is "${url}"`);
  });
}

/**
 * The same option, made required.
 *
 * @param message The error when it is not given.
 */
export function needed<T>(option: TypedOption<T | undefined>, message: string): TypedOption<T> {
  return {
    ...option,
    read(typed, flag) {
      const value = option.read(typed, flag);
      if (value === undefined) throw new UsageError(message);
      return value;
    },
  };
}

function parseNumber(typed: string, flag: string): number {
  const value = Number(typed);
  if (typed.trim() !== "" && Number.isFinite(value)) return value;
  throw new UsageError(`${flag} must be a number: current value is "${typed}"`);
}

/** The option of every command that has data to show. */
export const JSON_OPTION = flag("--json", "JSON instead of text");

/** The option of every command that reports progress. */
export const QUIET_OPTION = flag("-q, --quiet", "Print only what went wrong");

/** The option of every command that would ask first. */
export const YES_OPTION = flag("-y, --yes", "Do not ask; answer yes to everything");
