import { isExactNumber } from "#shared/exact_json.ts";
import { Turn } from "#shared/in_turns.ts";
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
  /** Characters of the longest mark. */
  readonly longest: number;
}

/** Finding marks again after this many rounds of breaking them is given up: each round leaves less. */
const MOST_ROUNDS = 16;

/** Characters in which marks are looked for at once. */
const PIECE_LENGTH = 8_192;

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
  const found = await marksIn(texts, finder, cut);
  if (found.size === 0) return undefined;
  return { value: mapStrings(value, (text) => broken(text, found, cut)) as T, cut };
}

/** Texts of a prompt between the characters of {@linkcode breakMarks}, also where JSON escapes them. */
export function partsAt(text: string, cut: string): string[] {
  const escaped = `\\\\u${cut.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return text.split(new RegExp(`${cut}|${escaped}`, "i"));
}

/** The marks in some texts, also those that are left where others are broken. */
async function marksIn(
  texts: readonly string[],
  finder: MarkFinder,
  cut: string,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  const turn = new Turn();
  // No mark has a line's end in its middle.
  for (const piece of piecesOf(texts.join("\n"), finder.longest)) {
    for (let round = 0; round < MOST_ROUNDS; round++) {
      // What is known is broken first: a piece with nothing new costs no tokenizing.
      const rest = broken(piece, found, cut).split(cut)
        .filter((part) => finder.beginnings.test(part));
      if (rest.length === 0) break;
      const count = found.size;
      for (const token of await finder.tokenize(rest.join("\n"))) {
        const mark = finder.markText(token);
        if (mark !== undefined) found.add(mark);
      }
      if (found.size === count) break;
    }
    await turn.pause();
  }
  return found;
}

/** Pieces of a text that overlap, so that each mark is whole in one of them. */
function* piecesOf(text: string, longestMark: number): Generator<string> {
  const stride = PIECE_LENGTH - Math.min(longestMark, PIECE_LENGTH / 2);
  for (let at = 0; at === 0 || at + PIECE_LENGTH - stride < text.length; at += stride) {
    yield text.slice(at, at + PIECE_LENGTH);
  }
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

/** A character of the private use area that is in no text, escaped or not. */
function unusedCharacter(texts: readonly string[]): string {
  const used = new Set<number>();
  for (const text of texts) {
    for (const [found, digits] of text.matchAll(PRIVATE)) {
      used.add(digits === undefined ? found.charCodeAt(0) : parseInt(digits, 16));
    }
  }
  for (let code = 0xe000; code <= 0xf8ff; code++) {
    if (!used.has(code)) return String.fromCharCode(code);
  }
  throw new RangeError("A text has all characters of the private use area");
}

const PRIVATE = /[\ue000-\uf8ff]|\\u(e[\da-f]{3}|f[0-8][\da-f]{2})/gi;

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
