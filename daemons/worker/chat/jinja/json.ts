import { isExactNumber } from "#shared/exact_json.ts";
import { TemplateError } from "#shared/jinja/errors.ts";
import { Budget, DEFAULT_LIMITS } from "./budget.ts";
import { changed, floatText } from "./text.ts";
import { Dict, ExactFloat, plain, PyObject, Tuple, typeName, type Value } from "./values.ts";

/** Most levels of a JSON value. */
const MOST_LEVELS = 200;
/** Most digits of an integer that is one in Python. */
const MOST_DIGITS = 4_300;

/**
 * Parses JSON without a loss: integers of any size, floats with all that their text says, keys in
 * their order. Undefined if the text is not JSON.
 */
export function parseExact(source: string): Value | undefined {
  try {
    return new JsonReader(source).whole();
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

const BLANK = /[\t\n\r ]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const WORD = /true|false|null/y;
const WORDS: ReadonlyMap<string, Value> = new Map([["true", true], ["false", false], [
  "null",
  null,
]]);

class JsonReader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  whole(): Value {
    const value = this.#value(0);
    this.#match(BLANK);
    if (this.#at < this.#source.length) this.#fail();
    return value;
  }

  #value(level: number): Value {
    if (level > MOST_LEVELS) this.#fail();
    this.#match(BLANK);
    if (this.#skip("[")) {
      const items: Value[] = [];
      this.#list("]", () => items.push(this.#value(level + 1)));
      return items;
    }
    if (this.#skip("{")) {
      const dict = new Dict();
      this.#list("}", () => {
        const key = this.#string();
        this.#match(BLANK);
        if (!this.#skip(":")) this.#fail();
        dict.set(key, this.#value(level + 1));
      });
      return dict;
    }
    if (this.#source.charAt(this.#at) === '"') return this.#string();
    const word = this.#match(WORD);
    return word === undefined ? this.#number() : WORDS.get(word)!;
  }

  #list(end: string, item: () => void): void {
    this.#match(BLANK);
    if (this.#skip(end)) return;
    do {
      this.#match(BLANK);
      item();
      this.#match(BLANK);
    } while (this.#skip(","));
    if (!this.#skip(end)) this.#fail();
  }

  #string(): string {
    const start = this.#at;
    if (!this.#skip('"')) this.#fail();
    while (!this.#skip('"')) {
      if (this.#at >= this.#source.length) this.#fail();
      this.#at += this.#source.charAt(this.#at) === "\\" ? 2 : 1;
    }
    return JSON.parse(this.#source.slice(start, this.#at));
  }

  #number(): Value {
    NUMBER.lastIndex = this.#at;
    const [text, fraction, exponent] = NUMBER.exec(this.#source) ?? this.#fail();
    this.#at += text.length;
    if (fraction === undefined && exponent === undefined && text.length <= MOST_DIGITS) {
      return BigInt(text);
    }
    const value = Number(text);
    const isExact = Number.isFinite(value) && decimal(floatText(value)) === decimal(text);
    return isExact ? value : new ExactFloat(text);
  }

  #skip(character: string): boolean {
    const found = this.#source.charAt(this.#at) === character;
    if (found) this.#at++;
    return found;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#source)?.[0];
    if (text !== undefined) this.#at += text.length;
    return text;
  }

  #fail(): never {
    throw new SyntaxError("not JSON");
  }
}

/** Digits and exponent of a number's text: the same for texts of the same number. */
function decimal(text: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = (whole + fraction).replace(/^0+/, "");
  const shortened = digits.replace(/0+$/, "");
  if (shortened === "") return `${sign}0`;
  const power = Number(exponent) - fraction.length + digits.length - shortened.length;
  return `${sign}${shortened}e${power}`;
}

/**
 * Converts a value of JavaScript that could be JSON, and copies what is a template's value already,
 * since templates may change lists and dicts. Fields that are undefined are left out.
 */
export function fromJs(value: unknown, level = 0): Value {
  if (level > MOST_LEVELS) throw new TemplateError(`A value has more than ${MOST_LEVELS} levels`);
  if (value instanceof Dict) return copied(value, level);
  if (value === null || value instanceof PyObject) return value;
  switch (typeof value) {
    case "boolean":
    case "string":
    case "bigint":
      return value;
    case "number":
      return Number.isInteger(value) ? BigInt(value) : value;
    case "object":
      if (Array.isArray(value)) return value.map((item) => fromJs(item, level + 1));
      if (isExactNumber(value)) return parseExact(value.rawJSON) ?? value.rawJSON;
      return new Dict(
        Object.entries(value).filter(([, item]) => item !== undefined)
          .map(([key, item]) => [key, fromJs(item, level + 1)]),
      );
  }
  throw new TemplateError(`A template gets no ${typeof value}`);
}

/** A copy of a template's value. Its numbers are what they are: `1.0` is no integer. */
function copied(value: Value, level: number): Value {
  if (level > MOST_LEVELS) throw new TemplateError(`A value has more than ${MOST_LEVELS} levels`);
  if (Array.isArray(value)) return value.map((item) => copied(item, level + 1));
  if (!(value instanceof Dict)) return value;
  return new Dict([...value.entries()].map(([key, item]) => [key, copied(item, level + 1)]));
}

/** How JSON is written. */
export interface JsonStyle {
  readonly ascii: boolean;
  /** One level's indentation, a text that is repeated; undefined for one line. */
  readonly indent: { readonly text: string; readonly times: number } | undefined;
  readonly between: string;
  readonly colon: string;
  readonly sorted: boolean;
  compare(left: Value, right: Value): number;
}

/** Writes a value as Python's `json.dumps` does. */
export function toJson(value: Value, style: JsonStyle, budget: Budget): string {
  const parts: string[] = [];
  let length = 0;
  const write = (part: string) => {
    length += part.length;
    budget.fits(length);
    budget.write(part.length);
    parts.push(part);
  };
  const newLine = (level: number): string => {
    if (style.indent === undefined) return "";
    const { text, times } = style.indent;
    const count = times * level;
    budget.fits(text.length * count);
    return `\n${text.repeat(count)}`;
  };
  const nested = (level: number, open: string, close: string, items: readonly (() => void)[]) => {
    write(open);
    const line = items.length === 0 ? "" : newLine(level + 1);
    for (const [index, item] of items.entries()) {
      write((index > 0 ? style.between : "") + line);
      item();
    }
    if (items.length > 0) write(newLine(level));
    write(close);
  };
  const visit = (value: Value, level: number): void => {
    budget.step();
    if (level > MOST_LEVELS) {
      throw new TemplateError(`The value has more than ${MOST_LEVELS} levels`);
    }
    value = plain(value);
    if (typeof value === "string") write(jsonString(value, style.ascii, budget));
    else if (Array.isArray(value) || value instanceof Tuple) {
      const items = Array.isArray(value) ? value : value.items;
      nested(level, "[", "]", items.map((item) => () => visit(item, level + 1)));
    } else if (value instanceof Dict) {
      const entries = [...value.entries()];
      if (style.sorted) entries.sort(([left], [right]) => style.compare(left, right));
      const items = entries.map(([key, item]) => () => {
        write(jsonString(typeof key === "string" ? key : scalar(key, "keys"), style.ascii, budget));
        write(style.colon);
        visit(item, level + 1);
      });
      nested(level, "{", "}", items);
    } else write(scalar(value, "values"));
  };
  visit(value, 0);
  return parts.join("");
}

function scalar(value: Value, place: "keys" | "values"): string {
  if (value === null) return "null";
  if (typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (value instanceof ExactFloat) return value.text;
  if (typeof value === "number") {
    if (Number.isNaN(value)) return "NaN";
    if (!Number.isFinite(value)) return value < 0 ? "-Infinity" : "Infinity";
    return floatText(value);
  }
  throw new TemplateError(
    place === "values"
      ? `Object of type ${typeName(value)} is not JSON serializable`
      : `keys must be str, int, float, bool or None, not ${typeName(value)}`,
  );
}

function jsonString(text: string, ascii: boolean, budget: Budget): string {
  const written = (piece: string) => JSON.stringify(piece).slice(1, -1);
  const inAscii = (piece: string) =>
    written(piece).replace(
      /[\x80-\uffff]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
  return `"${changed(text, ascii ? inAscii : written, budget)}"`;
}

/** Writes a value of JavaScript in one line, template's values in it exactly as they are. */
export function toPlainJson(value: unknown): string {
  return toJson(fromJs(value), {
    ascii: false,
    indent: undefined,
    between: ",",
    colon: ":",
    sorted: false,
    compare: () => 0,
  }, new Budget(DEFAULT_LIMITS));
}
