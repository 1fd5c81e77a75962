import { TemplateError } from "#shared/jinja/errors.ts";
import type { Budget } from "./budget.ts";
import {
  Dict,
  ExactFloat,
  Lazy,
  Markup,
  Namespace,
  Range,
  Tuple,
  Undefined,
  type Value,
  View,
} from "./values.ts";

/** Most levels of a value that is written out. */
const MOST_LEVELS = 200;

/** Characters that are changed at once. */
const PIECE = 4_096;

/**
 * A text with each character changed for itself, piece by piece: a text that grows too long is noticed
 * before all of it is made.
 */
export function changed(text: string, change: (piece: string) => string, budget: Budget): string {
  if (text.length <= PIECE) {
    const whole = change(text);
    budget.write(whole.length);
    return whole;
  }
  const pieces: string[] = [];
  let length = 0;
  for (let at = 0; at < text.length;) {
    // Both halves of a character stay together.
    const end = at + PIECE + (/[\ud800-\udbff]/.test(text.charAt(at + PIECE - 1)) ? 1 : 0);
    const piece = change(text.slice(at, end));
    length += piece.length;
    budget.fits(length);
    budget.write(piece.length);
    pieces.push(piece);
    at = end;
  }
  return pieces.join("");
}

/** A value as text, as Python's `str()` gives it. */
export function str(value: Value, budget: Budget): string {
  if (typeof value === "string") return value;
  if (value instanceof Markup) return value.text;
  if (value instanceof Undefined) return "";
  return repr(value, budget);
}

/** A value as Python writes it inside of others. */
export function repr(value: Value, budget: Budget): string {
  const written = represent(value, budget, 0);
  budget.fits(written.length);
  return written;
}

function represent(value: Value, budget: Budget, level: number): string {
  budget.step(2);
  if (level > MOST_LEVELS) throw new TemplateError(`The value has more than ${MOST_LEVELS} levels`);
  const inner = (item: Value) => represent(item, budget, level + 1);
  const list = (items: Iterable<Value>) => joined(items, inner, budget);
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${list(value)}]`;
  switch (typeof value) {
    case "boolean":
      return value ? "True" : "False";
    case "bigint":
      return digits(value, budget);
    case "number":
      return floatText(value);
    case "string":
      return quoted(value, budget);
  }
  if (value instanceof ExactFloat) return value.text;
  if (value instanceof Markup) return `Markup(${inner(value.text)})`;
  if (value instanceof Tuple) {
    return value.items.length === 1 ? `(${inner(value.items[0]!)},)` : `(${list(value.items)})`;
  }
  if (value instanceof Dict) return `{${pairs(value.entries(), inner, budget)}}`;
  if (value instanceof View) return `${value.type}([${list(value)}])`;
  if (value instanceof Range) {
    const { start, stop, stride } = value;
    return `range(${start}, ${stop}${stride === 1n ? "" : `, ${stride}`})`;
  }
  if (value instanceof Namespace) {
    return `<Namespace {${pairs(value.members.entries(), inner, budget)}}>`;
  }
  if (value instanceof Undefined) return "Undefined";
  return value instanceof Lazy ? "<generator object>" : `<${value.type}>`;
}

/** An integer's digits. Those of a long one take time. */
export function digits(value: bigint, budget: Budget): string {
  const text = value.toString();
  budget.step(text.length >> 2);
  return text;
}

function joined(items: Iterable<Value>, inner: (item: Value) => string, budget: Budget): string {
  const parts: string[] = [];
  let length = 0;
  for (const item of items) {
    const part = inner(item);
    length += part.length + 2;
    budget.fits(length);
    parts.push(part);
  }
  return parts.join(", ");
}

function pairs(
  entries: Iterable<readonly [Value, Value]>,
  inner: (item: Value) => string,
  budget: Budget,
): string {
  const parts: string[] = [];
  let length = 0;
  for (const [key, value] of entries) {
    const part = `${inner(key)}: ${inner(value)}`;
    length += part.length + 2;
    budget.fits(length);
    parts.push(part);
  }
  return parts.join(", ");
}

/** A float as Python writes it: the shortest digits that give it back, `1.0` for a whole number. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const [, first = "", rest = "", power] = /^-?(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(
    value.toExponential(),
  ) ?? [];
  const [digits, exponent] = [first + rest, Number(power)];
  if (exponent < -4 || exponent >= 16) {
    const size = String(Math.abs(exponent)).padStart(2, "0");
    return `${sign}${first}${rest && `.${rest}`}e${exponent < 0 ? "-" : "+"}${size}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

const HTML: ReadonlyMap<string, string> = new Map([
  ["&", "&amp;"],
  ["<", "&lt;"],
  [">", "&gt;"],
  ["'", "&#39;"],
  ['"', "&#34;"],
]);

/** Escapes a text for HTML; markup stays as it is. */
export function escaped(value: Value, budget: Budget): Markup {
  if (value instanceof Markup) return value;
  const source = str(value, budget);
  budget.step(source.length);
  const escape = (piece: string) => piece.replace(/[&<>'"]/g, (each) => HTML.get(each)!);
  return new Markup(changed(source, escape, budget));
}

const SHORT_ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\\", "\\\\"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

/** A text in quotes as Python writes it. */
function quoted(text: string, budget: Budget): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escape = (piece: string) =>
    piece.replace(/[\\'\p{C}]|(?! )\p{Z}/gu, (character) => {
      if (character === "'") return quote === "'" ? "\\'" : character;
      const short = SHORT_ESCAPES.get(character);
      if (short) return short;
      const code = character.codePointAt(0)!.toString(16);
      if (code.length <= 2) return `\\x${code.padStart(2, "0")}`;
      return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`;
    });
  // The expression takes as long for each character as a step does for four.
  budget.step(text.length >> 2);
  return quote + changed(text, escape, budget) + quote;
}
