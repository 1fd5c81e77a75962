import { isExactNumber } from "#shared/exact_json.ts";
import { isRecord } from "#shared/json.ts";
import { Dict, PyObject, type Value } from "./jinja/values.ts";

/** The part of a tokenizer that finds tokens with a meaning of their own. */
export interface MarkFinder {
  /** Tokenizes a text in which the text of control tokens becomes those tokens. */
  tokenize(text: string): Promise<readonly number[]>;
  /** The text of a token that a model reads as a mark; undefined for all others. */
  markText(token: number): string | undefined;
  /** Beginnings of marks: a text without any of them has no mark. */
  readonly beginnings: RegExp;
}

/** Finding marks again after this many rounds of breaking them is given up: each round leaves less. */
const MOST_ROUNDS = 16;

/**
 * Breaks the marks in texts that people or tools wrote: a character that no text has stands after the
 * first character of each mark. The rendered prompt is then cut at that character and its parts are
 * tokenized one by one, so that no mark is left in any of them.
 *
 * @param value Strings, and lists and objects of them; keys are texts, too.
 * @returns the value with its marks broken, and the character; undefined if there are no marks
 */
export async function breakMarks<T>(
  value: T,
  finder: MarkFinder,
): Promise<{ readonly value: T; readonly cut: string } | undefined> {
  const texts = [...stringsOf(value)].filter((text) => finder.beginnings.test(text));
  if (texts.length === 0) return undefined;
  const cut = unusedCharacter(texts);
  const found = new Set<string>();
  let parts: readonly string[] = texts;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const marks = await marksIn(parts, finder);
    if (marks.size === 0) break;
    for (const mark of marks) found.add(mark);
    parts = texts.flatMap((text) => broken(text, found, cut).split(cut));
  }
  if (found.size === 0) return undefined;
  return { value: mapStrings(value, (text) => broken(text, found, cut)) as T, cut };
}

/** Texts of a prompt between the characters of {@linkcode breakMarks}, also where JSON escapes them. */
export function partsAt(text: string, cut: string): string[] {
  const escaped = `\\\\u${cut.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return text.split(new RegExp(`${cut}|${escaped}`, "i"));
}

async function marksIn(texts: readonly string[], finder: MarkFinder): Promise<Set<string>> {
  const wanted = texts.filter((text) => finder.beginnings.test(text));
  if (wanted.length === 0) return new Set();
  const marks = new Set<string>();
  // One call for all of them. No mark has a line's end in its middle.
  for (const token of await finder.tokenize(wanted.join("\n"))) {
    const mark = finder.markText(token);
    if (mark !== undefined) marks.add(mark);
  }
  return marks;
}

/** The text with `cut` after the first character of each mark. */
function broken(text: string, marks: ReadonlySet<string>, cut: string): string {
  let result = text;
  // The longest first: a mark may begin with another.
  for (const mark of [...marks].sort((a, b) => b.length - a.length)) {
    const [first = ""] = mark;
    if (mark.length > first.length) {
      result = result.replaceAll(mark, first + cut + mark.slice(first.length));
    }
  }
  return result;
}

/** A character of the private use area that is in no text. */
function unusedCharacter(texts: readonly string[]): string {
  for (let code = 0xe000; code <= 0xf8ff; code++) {
    const character = String.fromCharCode(code);
    const escaped = `\\u${code.toString(16)}`;
    const isUsed = texts.some((text) =>
      text.includes(character) || text.toLowerCase().includes(escaped)
    );
    if (!isUsed) return character;
  }
  throw new RangeError("A text has all characters of the private use area");
}

function* stringsOf(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (Array.isArray(value)) { for (const item of value) yield* stringsOf(item); }
  else for (const pair of entriesOf(value) ?? []) yield* stringsOf(pair);
}

function mapStrings(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === "string") return change(value);
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, change));
  const entries = entriesOf(value);
  if (entries === undefined) return value;
  const mapped = entries.map((pair) => pair.map((part) => mapStrings(part, change)));
  return value instanceof Dict
    ? new Dict(mapped as [Value, Value][])
    : Object.fromEntries(mapped as [string, unknown][]);
}

/** Keys and values of an object or a template's dict; undefined for other values. */
function entriesOf(value: unknown): (readonly unknown[])[] | undefined {
  if (value instanceof Dict) return [...value.entries()];
  if (!isRecord(value) || value instanceof PyObject || isExactNumber(value)) return undefined;
  return Object.entries(value);
}
