import { TemplateError } from "#shared/jinja/errors.ts";
import { SPACE } from "#shared/jinja/lexer.ts";
import type { Budget } from "./budget.ts";
import { type Native, native } from "./machine.ts";
import { changed } from "./text.ts";
import {
  integer,
  isBasic,
  iterate,
  text,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "./values.ts";

const SPACES = new RegExp(`[${SPACE}]`);
const WORD = new RegExp(`[^${SPACE}]+`, "g");

/** The text without these characters, by default spaces, at its ends. */
export function strip(value: string, chars: Value | undefined, ends: "both" | "left" | "right") {
  const set = chars == null ? undefined : new Set(text(chars));
  const characters = isBasic(value) ? value : [...value];
  const isOut = (at: number) => set ? set.has(characters[at]!) : SPACES.test(characters[at]!);
  let [start, end] = [0, characters.length];
  if (ends !== "right") { while (start < end && isOut(start)) start++; }
  if (ends !== "left") { while (end > start && isOut(end - 1)) end--; }
  const rest = characters.slice(start, end);
  return typeof rest === "string" ? rest : rest.join("");
}

/** `value.replace(old, by, count)`; a negative count is no limit. */
export function replace(value: string, old: string, by: string, count: number, budget: Budget) {
  budget.read(value.length);
  if (count < 0) count = Infinity;
  if (old === "") {
    budget.step(value.length);
    budget.write(value.length + Math.min(count, characterCount(value) + 1) * by.length);
    const characters = ["", ...value];
    return characters.map((character, index) => character + (index < count ? by : "")).join("");
  }
  const pieces: string[] = [];
  let at = 0;
  let length = value.length;
  for (let done = 0; done < count; done++) {
    const found = value.indexOf(old, at);
    if (found === -1) break;
    length += by.length - old.length;
    budget.step(2);
    budget.fits(length);
    pieces.push(value.slice(at, found), by);
    at = found + old.length;
  }
  if (pieces.length === 0) return value;
  budget.write(length);
  pieces.push(value.slice(at));
  return pieces.join("");
}

/** Joins texts. */
export function join(separator: string, texts: Iterable<string>, budget: Budget): string {
  const parts: string[] = [];
  let length = 0;
  for (const part of texts) {
    length += part.length + separator.length;
    budget.fits(length);
    budget.write(part.length + separator.length);
    parts.push(part);
  }
  return parts.join(separator);
}

function split(value: string, separator: Value | undefined, most: number, budget: Budget): Value[] {
  budget.read(value.length);
  const parts: Value[] = [];
  if (separator == null) {
    for (const { 0: word, index } of value.matchAll(WORD)) {
      budget.step();
      if (parts.length >= most) return [...parts, value.slice(index)];
      parts.push(word);
    }
    return parts;
  }
  const by = text(separator);
  if (by === "") throw new TemplateError("empty separator");
  let at = 0;
  while (parts.length < most) {
    const found = value.indexOf(by, at);
    if (found === -1) break;
    budget.step();
    parts.push(value.slice(at, found));
    at = found + by.length;
  }
  return [...parts, value.slice(at)];
}

function splitRight(value: string, separator: Value | undefined, most: number, budget: Budget) {
  if (most === Infinity) return split(value, separator, most, budget);
  budget.read(value.length);
  const parts: Value[] = [];
  if (separator == null) {
    const words = [...value.matchAll(WORD)];
    budget.step(words.length);
    const rest = words.slice(0, Math.max(words.length - most, 0)).at(-1);
    const kept = words.slice(Math.max(words.length - most, 0)).map(([word]) => word);
    if (!rest) return kept;
    return [value.slice(0, rest.index + rest[0].length), ...kept];
  }
  const by = text(separator);
  if (by === "") throw new TemplateError("empty separator");
  let end = value.length;
  // From the last part to the first.
  while (parts.length < most) {
    const found = end < by.length ? -1 : value.lastIndexOf(by, end - by.length);
    if (found === -1) break;
    budget.step();
    parts.push(value.slice(found + by.length, end));
    end = found;
  }
  parts.push(value.slice(0, end));
  return parts.reverse();
}

const BREAKS = "\\n\\r\\v\\f\\x1c-\\x1e\\x85\\u2028\\u2029";
const LINE = new RegExp(`(.*?)(\\r\\n|[${BREAKS}]|$)`, "suy");

/** Lines of a text; one that ends in a line break has none after it. */
export function lines(value: string, keepEnds: boolean, budget: Budget): string[] {
  budget.read(value.length);
  const found: string[] = [];
  LINE.lastIndex = 0;
  while (LINE.lastIndex < value.length) {
    budget.step();
    const [, line = "", end = ""] = LINE.exec(value) ?? [];
    found.push(keepEnds ? line + end : line);
  }
  return found;
}

function limit(value: Value | undefined): number {
  const most = value === undefined ? -1 : integer(value);
  return most < 0 ? Infinity : most;
}

/** Start and end of a part of the text, as slices have them. */
function part(
  value: string,
  start: Value | undefined,
  end: Value | undefined,
  budget: Budget,
): string {
  if (start == null && end == null) return value;
  budget.step(value.length);
  const characters = [...value];
  return characters.slice(
    start == null ? 0 : integer(start),
    end == null ? undefined : integer(end),
  ).join("");
}

/** Index of a character, where UTF-16 has the index of a unit. */
function characterIndex(value: string, index: number): bigint {
  return BigInt(index <= 0 ? index : characterCount(value.slice(0, index)));
}

function find(
  value: string,
  wanted: Value,
  start: Value | undefined,
  end: Value | undefined,
  last: boolean,
  { budget }: { readonly budget: Budget },
): bigint {
  const inner = part(value, start, end, budget);
  const index = last ? inner.lastIndexOf(text(wanted)) : inner.indexOf(text(wanted));
  const offset = index === -1 || start == null ? 0 : integer(start);
  const length = characterCount(value);
  if (offset > length) return -1n;
  const from = offset < 0 ? Math.max(length + offset, 0) : offset;
  return characterIndex(inner, index) + BigInt(from);
}

function found(index: bigint): bigint {
  if (index === -1n) throw new TemplateError("substring not found");
  return index;
}

function hasAffix(affix: Value, matches: (affix: string) => boolean): boolean {
  if (affix instanceof Tuple) return affix.items.some((item) => matches(text(item)));
  if (typeof affix === "string") return matches(affix);
  if (affix instanceof Undefined) affix.fail();
  throw new TemplateError(`the argument must be str or a tuple of str, not ${typeName(affix)}`);
}

function pad(value: string, width: Value, fill: Value | undefined, side: string, budget: Budget) {
  const missing = integer(width) - characterCount(value);
  const filling = fill === undefined ? " " : text(fill);
  if (filling.length > 2 || characterCount(filling) !== 1) {
    throw new TemplateError("The fill character must be exactly one character long");
  }
  if (missing <= 0) return value;
  budget.write(missing * filling.length);
  const before = side === "left"
    ? missing
    : side === "right"
    ? 0
    : Math.floor(missing / 2) + (missing & integer(width) & 1);
  return filling.repeat(before) + value + filling.repeat(missing - before);
}

/** Number of characters, where UTF-16 has two units for some. */
function characterCount(value: string): number {
  return value.length - (value.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
}

/** First character in upper case, the others in lower case. */
export function capitalize(value: string): string {
  const [first = ""] = value;
  return first.toUpperCase() + value.slice(first.length).toLowerCase();
}

export const upperCase = (value: string): string => value.toUpperCase();

function swapCase(value: string): string {
  return value.replace(
    /(\p{Uppercase}+)|\p{Lowercase}+/gu,
    (run, isUpper) => isUpper ? run.toLowerCase() : run.toUpperCase(),
  );
}

/** Whether all characters are of a kind; false for an empty text. */
const all = (pattern: RegExp) =>
  native<string>("", (value, _, { budget }) => {
    budget.step(value.length >> 2);
    return pattern.test(value);
  });
const isCased = /[\p{Lu}\p{Ll}\p{Lt}]/u;

export function isLower(value: string): boolean {
  return isCased.test(value) && !/[\p{Lu}\p{Lt}]/u.test(value);
}

export function isUpper(value: string): boolean {
  return isCased.test(value) && !/[\p{Ll}\p{Lt}]/u.test(value);
}

function partition(value: string, separator: string, index: number): Tuple | undefined {
  if (separator === "") throw new TemplateError("empty separator");
  if (index === -1) return undefined;
  return new Tuple([value.slice(0, index), separator, value.slice(index + separator.length)]);
}

const stripping = (ends: "both" | "left" | "right") =>
  native<string>("chars", (value, [chars], { budget }) => {
    const rest = strip(value, chars, ends);
    budget.step(value.length - rest.length);
    return rest;
  });

/** Methods of texts; `format` is not among them since it reads members of its arguments. */
export const STRING_METHODS: ReadonlyMap<string, Native<string>> = new Map(Object.entries({
  capitalize: native<string>("", (value) => capitalize(value)),
  casefold: native(
    "",
    (value, _, { budget }) =>
      changed(value.toLowerCase(), (piece) => piece.replaceAll("ß", "ss"), budget),
  ),
  center: native(
    "width! fillchar",
    (value, [width, fill], { budget }) => pad(value, width!, fill, "both", budget),
  ),
  count: native("sub! start end", (value, [sub, start, end], { budget }) => {
    const inner = part(value, start, end, budget);
    const wanted = text(sub!);
    if (wanted === "") return BigInt(characterCount(inner) + 1);
    budget.step(inner.length >> 3);
    let count = 0n;
    for (
      let at = inner.indexOf(wanted);
      at !== -1;
      at = inner.indexOf(wanted, at + wanted.length)
    ) {
      budget.step();
      count++;
    }
    return count;
  }),
  endswith: native("suffix! start end", (value, [suffix, start, end], { budget }) => {
    const inner = part(value, start, end, budget);
    return hasAffix(suffix!, (affix) => inner.endsWith(affix));
  }),
  expandtabs: native("tabsize", (value, [size], { budget }) => {
    const width = size === undefined ? 8 : Math.max(integer(size), 0);
    budget.step(value.length);
    budget.write(value.length + width * (value.split("\t").length - 1));
    let column = 0;
    return value.replace(/[^]/gu, (character) => {
      if (character === "\n" || character === "\r") column = 0;
      else if (character !== "\t") column++;
      else {
        const spaces = width > 0 ? width - column % width : 0;
        column += spaces;
        return " ".repeat(spaces);
      }
      return character;
    });
  }),
  find: native(
    "sub! start end",
    (value, [sub, start, end], machine) => find(value, sub!, start, end, false, machine),
  ),
  index: native(
    "sub! start end",
    (value, [sub, start, end], machine) => found(find(value, sub!, start, end, false, machine)),
  ),
  isalnum: all(/^[\p{L}\p{N}]+$/u),
  isalpha: all(/^\p{L}+$/u),
  isascii: all(/^[\0-\x7f]*$/),
  isdecimal: all(/^\p{Nd}+$/u),
  isdigit: all(/^[\p{Nd}²³¹]+$/u),
  isidentifier: all(/^[\p{L}_][\p{L}\p{M}\p{N}_]*$/u),
  islower: native("", (value) => isLower(value)),
  isnumeric: all(/^\p{N}+$/u),
  isprintable: all(/^(?:[^\p{C}\p{Z}]| )*$/u),
  isspace: all(new RegExp(`^[${SPACE}]+$`)),
  isupper: native("", (value) => isUpper(value)),
  join: native("iterable!", (value, [items], { budget }) => {
    const texts = function* () {
      let index = 0;
      for (const item of iterate(items!, budget)) {
        if (typeof item !== "string") {
          throw new TemplateError(
            `sequence item ${index}: expected str instance, ${typeName(item)} found`,
          );
        }
        index++;
        yield item;
      }
    };
    return join(value, texts(), budget);
  }),
  ljust: native(
    "width! fillchar",
    (value, [width, fill], { budget }) => pad(value, width!, fill, "right", budget),
  ),
  lower: native("", (value) => value.toLowerCase()),
  lstrip: stripping("left"),
  partition: native(
    "sep!",
    (value, [sep]) =>
      partition(value, text(sep!), value.indexOf(text(sep!))) ?? new Tuple([value, "", ""]),
  ),
  removeprefix: native(
    "prefix!",
    (value, [prefix]) =>
      value.startsWith(text(prefix!)) ? value.slice(text(prefix!).length) : value,
  ),
  removesuffix: native(
    "suffix!",
    (value, [suffix]) =>
      value.endsWith(text(suffix!)) ? value.slice(0, value.length - text(suffix!).length) : value,
  ),
  replace: native(
    "old! new! count",
    (value, [old, by, count], { budget }) =>
      replace(value, text(old!), text(by!), count === undefined ? -1 : integer(count), budget),
  ),
  rfind: native(
    "sub! start end",
    (value, [sub, start, end], machine) => find(value, sub!, start, end, true, machine),
  ),
  rindex: native(
    "sub! start end",
    (value, [sub, start, end], machine) => found(find(value, sub!, start, end, true, machine)),
  ),
  rjust: native(
    "width! fillchar",
    (value, [width, fill], { budget }) => pad(value, width!, fill, "left", budget),
  ),
  rpartition: native(
    "sep!",
    (value, [sep]) =>
      partition(value, text(sep!), value.lastIndexOf(text(sep!))) ?? new Tuple(["", "", value]),
  ),
  rsplit: native(
    "sep maxsplit",
    (value, [sep, most], { budget }) => splitRight(value, sep, limit(most), budget),
  ),
  rstrip: stripping("right"),
  split: native(
    "sep maxsplit",
    (value, [sep, most], { budget }) => split(value, sep, limit(most), budget),
  ),
  splitlines: native(
    "keepends",
    (value, [keep], { budget }) => lines(value, keep === true, budget),
  ),
  startswith: native("prefix! start end", (value, [prefix, start, end], { budget }) => {
    const inner = part(value, start, end, budget);
    return hasAffix(prefix!, (affix) => inner.startsWith(affix));
  }),
  strip: stripping("both"),
  swapcase: native(
    "",
    (value, _, { budget }) => changed(value, swapCase, budget),
  ),
  title: native("", (value, _, { budget }) => {
    budget.step(value.length);
    return value.replace(/\p{L}+/gu, capitalize);
  }),
  upper: native("", (value, _, { budget }) => changed(value, upperCase, budget)),
  zfill: native("width!", (value, [width], { budget }) => {
    const [, sign = "", digits = ""] = /^([+-]?)([^]*)$/.exec(value) ?? [];
    const missing = integer(width!) - characterCount(value);
    if (missing <= 0) return value;
    budget.write(missing);
    return sign + "0".repeat(missing) + digits;
  }),
}));
