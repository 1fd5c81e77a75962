import { atOnce } from "./in_turns.ts";

/**
 * Parses GBNF as llama.cpp does, to check a grammar before llama.cpp gets it: if llama.cpp's parser
 * cannot read a grammar, it prints to stderr and returns no reason.
 *
 * @module
 */

/** A position in a grammar; both figures count from 1, columns in UTF-16 units. */
export interface GbnfPlace {
  readonly line: number;
  readonly column: number;
}

/** A rule's name where another rule uses it. */
export interface GbnfReference extends GbnfPlace {
  readonly name: string;
}

/** A character class; characters are code points. */
export interface CharClass {
  /** Whether it is negated, as in `[^a]`. */
  readonly not: boolean;
  /** First and last of each range. */
  readonly ranges: readonly (readonly [from: number, to: number])[];
}

/** What one element reads: a character, one of a class, or a whole token. */
export type Reading = number | CharClass | "token";

/** One element of a sequence, with how often it may repeat. */
export interface GbnfItem {
  /** `text` is a literal, a class, any character or a token. */
  readonly kind: "text" | "reference" | "group";
  /** What a `text` reads, in order; empty if it reads nothing. */
  readonly reads?: readonly Reading[];
  /** Name of the rule of a `reference`. */
  readonly name?: string;
  /** Whether a `group` has no brackets but is a repetition that is repeated, as in `"a"*{3}`. */
  readonly isRepetition?: boolean;
  /** Alternatives of a `group`, each a sequence. */
  readonly choices?: readonly (readonly GbnfItem[])[];
  readonly min: number;
  /** Infinity without a maximum. */
  readonly max: number;
  /** Largest size in llama.cpp, see {@linkcode Gbnf.size}. */
  readonly size: number;
}

/** One definition of a rule. */
export interface GbnfRule extends GbnfPlace {
  readonly name: string;
  readonly choices: readonly (readonly GbnfItem[])[];
  readonly references: readonly GbnfReference[];
  /** Nesting depth of groups and repeated repetitions; 0 without any. */
  readonly depth: number;
  readonly size: number;
}

/** A valid grammar with a rule `root`. */
export interface Gbnf {
  /** In the order of the text. Of several with the same name, the last one counts. */
  readonly rules: readonly GbnfRule[];
  /** The deepest nesting of groups in any rule. */
  readonly depth: number;
  /**
   * Number of characters, ends of ranges, tokens, references and bars of all rules, with
   * repetitions multiplied out: `"ab"{3}` has 6, `("a"{10}){0,10}` has 100, `[a-z]*` has 2. A
   * referenced rule is counted once, by itself. May be Infinity.
   */
  readonly size: number;
}

/** Why a grammar cannot be used; the message names the rule and the position. */
export class GbnfError extends Error {
  override readonly name = "GbnfError";
  readonly line: number;
  readonly column: number;

  /** @param rule Name of the faulty rule; undefined outside of rules. */
  constructor(message: string, readonly rule: string | undefined, place: GbnfPlace) {
    const at = `(line ${place.line}, column ${place.column})`;
    super(`${rule === undefined ? "" : `${rule}: `}${message} ${at}`);
    this.line = place.line;
    this.column = place.column;
  }
}

/**
 * Parses a grammar. llama.cpp's parser accepts every grammar that this one accepts.
 *
 * @throws {GbnfError} For wrong syntax, a rule that is used but not defined, or no rule `root`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.equal(readGbnf('root ::= "a"{3} b\nb ::= [0-9]').size, 6);
 * assert.throws(() => readGbnf("root ::= nope"), /root: rule nope is not defined/);
 * ```
 */
export function readGbnf(text: string): Gbnf {
  return atOnce(readingGbnf(text));
}

/** The same as {@linkcode readGbnf}; it may be interrupted after each rule. */
export function* readingGbnf(text: string): Generator<void, Gbnf> {
  const rules = yield* new GbnfReader(text).read();
  const names = new Set(rules.map(({ name }) => name));
  for (const { name, references } of rules) {
    const missing = references.find((reference) => !names.has(reference.name));
    if (missing) throw new GbnfError(`rule ${missing.name} is not defined`, name, missing);
  }
  if (!names.has("root")) {
    throw new GbnfError("there is no rule root", undefined, { line: 1, column: 1 });
  }
  return {
    rules,
    depth: rules.reduce((depth, rule) => Math.max(depth, rule.depth), 0),
    size: rules.reduce((sum, { size }) => sum + size, 0),
  };
}

/** llama.cpp refuses more repetitions, and this many rules made from them. */
const MAX_REPEATS = 2_000;
const MAX_TOKEN = 2 ** 32 - 1;
/** The last of Unicode. */
const MAX_CHARACTER = 0x10ffff;
const WORD = /[a-zA-Z0-9-]+/y;
const DIGITS = /[0-9]+/y;
const SPACE = /(?:[ \t]|#[^\r\n]*)*/y;
const SPACE_AND_LINES = /(?:[ \t\r\n]|#[^\r\n]*)*/y;
const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
const ESCAPED = 'trn\\"[]-';
const CONTROLS: Readonly<Record<string, string>> = { t: "\t", r: "\r", n: "\n" };
const ANY: CharClass = { not: true, ranges: [] };

/** A rule or group that is being parsed. */
interface Frame {
  readonly opened: number;
  /** Number of named and generated rules before it. */
  readonly symbols: number;
  readonly choices: GbnfItem[][];
  /** Number of rules that llama.cpp generates for the last item. */
  made: number;
  /** Nesting depth of the last item, and of the deepest one. */
  lastDepth: number;
  depth: number;
}

/** Parses a text in one pass, without recursion: the caller limits the nesting depth. */
class GbnfReader {
  readonly #text: string;
  /** Offsets at which lines begin. */
  readonly #lines: readonly number[];
  #at = 0;
  #rule: string | undefined;
  #references: GbnfReference[] = [];
  readonly #names = new Set<string>();
  #made = 0;

  constructor(text: string) {
    this.#text = text;
    this.#lines = [0, ...text.matchAll(/\n/g).map(({ index }) => index + 1)];
  }

  *read(): Generator<void, GbnfRule[]> {
    const nul = this.#text.indexOf("\0");
    if (nul >= 0) this.#fail("a NUL would end the grammar", nul);
    const rules: GbnfRule[] = [];
    this.#space(true);
    while (this.#at < this.#text.length) {
      rules.push(this.#definition());
      yield;
    }
    return rules;
  }

  #definition(): GbnfRule {
    const place = this.#place(this.#at);
    const name = this.#match(WORD) ?? this.#fail("expected the name of a rule");
    this.#rule = name;
    this.#names.add(name);
    this.#references = [];
    this.#space(false);
    if (!this.#take("::=")) this.#fail("expected ::=");
    this.#space(true);
    const { choices, depth } = this.#choices();
    if (!this.#take("\r\n") && !this.#take("\n") && !this.#take("\r")) {
      if (this.#at < this.#text.length) this.#fail("expected the end of the line");
    }
    this.#space(true);
    this.#rule = undefined;
    return { ...place, name, choices, references: this.#references, depth, size: sizeOf(choices) };
  }

  #choices(): Frame {
    const frames = [this.#open()];
    while (true) {
      const frame = frames.at(-1)!;
      const items = frame.choices.at(-1)!;
      if (this.#take("|")) {
        frame.choices.push([]);
        frame.made = 1;
        this.#space(true);
      } else if (this.#take("(")) {
        frames.push(this.#open());
        this.#made++;
        this.#space(true);
      } else if (frames.length > 1 && this.#take(")")) {
        frames.pop();
        const outer = frames.at(-1)!;
        const { choices } = frame;
        outer.choices.at(-1)!.push({
          kind: "group",
          choices,
          min: 1,
          max: 1,
          // llama.cpp makes a rule of the group and a reference to it.
          size: Math.max(1, sizeOf(choices)),
        });
        setDepth(outer, frame.depth + 1);
        outer.made = this.#symbols - frame.symbols;
        this.#space(frames.length > 1);
      } else if (!this.#item(items, frame) && !this.#repetition(items, frame, frames.length > 1)) {
        if (frames.length > 1) this.#fail("this group is not closed", frame.opened);
        return frame;
      } else this.#space(frames.length > 1);
    }
  }

  #open(): Frame {
    return {
      opened: this.#at - 1,
      symbols: this.#symbols,
      choices: [[]],
      made: 1,
      lastDepth: 0,
      depth: 0,
    };
  }

  get #symbols(): number {
    return this.#names.size + this.#made;
  }

  /** @returns whether there was an item */
  #item(items: GbnfItem[], frame: Frame): boolean {
    const start = this.#at;
    const name = this.#match(WORD);
    const reads = name === undefined ? this.#terminal() : [];
    if (!reads) return false;
    frame.made = 1;
    frame.lastDepth = 0;
    if (name !== undefined) {
      this.#names.add(name);
      this.#references.push({ ...this.#place(start), name });
      items.push({ kind: "reference", name, min: 1, max: 1, size: 1 });
    } else {
      const size = reads.reduce((sum: number, each) => sum + sizeOfReading(each), 0);
      items.push({ kind: "text", reads, min: 1, max: 1, size });
    }
    return true;
  }

  /** @returns the terminal that it parses; undefined if there is none */
  #terminal(): readonly Reading[] | undefined {
    if (this.#take('"')) return this.#literal();
    if (this.#take("[")) return this.#class();
    if (this.#take(".")) return [ANY];
    const next = this.#text[this.#at];
    return next === "<" || next === "!" ? this.#token() : undefined;
  }

  #literal(): readonly number[] {
    const start = this.#at - 1;
    const characters: number[] = [];
    while (!this.#take('"')) characters.push(this.#character(start, "literal"));
    return characters;
  }

  /** An empty class reads nothing in llama.cpp, as an empty literal does. */
  #class(): readonly CharClass[] {
    const start = this.#at - 1;
    const ranges: [from: number, to: number][] = [];
    const not = this.#take("^");
    while (!this.#take("]")) {
      const from = this.#character(start, "class");
      const isRange = this.#text[this.#at] === "-" && this.#text[this.#at + 1] !== "]";
      if (isRange) this.#at++;
      ranges.push([from, isRange ? this.#character(start, "class") : from]);
    }
    return ranges.length === 0 ? [] : [{ not, ranges }];
  }

  /** @returns the character's code point */
  #character(start: number, what: string): number {
    if (this.#at >= this.#text.length) this.#fail(`this ${what} is not closed`, start);
    if (!this.#take("\\")) {
      const character = this.#text.codePointAt(this.#at)!;
      this.#at += character > 0xffff ? 2 : 1;
      return character;
    }
    const escape = this.#text[this.#at] ?? "";
    const digits = HEX_DIGITS[escape];
    if (digits !== undefined) {
      const hex = this.#text.slice(this.#at + 1, this.#at + 1 + digits);
      if (hex.length < digits || !/^[0-9a-fA-F]*$/.test(hex)) {
        this.#fail(`\\${escape} needs ${digits} hexadecimal digits`, this.#at - 1);
      }
      const code = parseInt(hex, 16);
      if (code > MAX_CHARACTER) this.#fail(`\\${escape}${hex} is no character`, this.#at - 1);
      this.#at += 1 + digits;
      return code;
    }
    if (escape === "" || !ESCAPED.includes(escape)) {
      this.#fail(
        'unknown escape: \\t \\r \\n \\\\ \\" \\[ \\] \\- \\x \\u \\U are known',
        this.#at - 1,
      );
    }
    this.#at++;
    return (CONTROLS[escape] ?? escape).codePointAt(0)!;
  }

  /** A token by its number, `<[123]>`, or any other token, `!<[123]>`. */
  #token(): readonly ["token"] {
    const start = this.#at;
    this.#take("!");
    const id = this.#take("<[") ? this.#match(DIGITS) : undefined;
    if (id === undefined || !this.#take("]>")) {
      this.#fail("a token is given by its number, as in <[123]>", start);
    }
    if (Number(id) > MAX_TOKEN) this.#fail("the token's number is too large", start);
    return ["token"];
  }

  /** @returns whether there was a repetition, which then changes the last item */
  #repetition(items: GbnfItem[], frame: Frame, nested: boolean): boolean {
    const start = this.#at;
    const times = this.#times(nested);
    if (!times) return false;
    const [min, max] = times;
    const last = items.at(-1);
    if (!last || last.size === 0) this.#fail("there is nothing to repeat before this", start);
    const rules = max === Infinity || max === 0 ? Math.max(1, min) : max;
    if (frame.made * rules >= MAX_REPEATS) this.#fail("this repeats too much", start);
    frame.made *= rules;
    this.#made += max === Infinity ? 1 : max - min;
    const isRepeated = last.min !== 1 || last.max !== 1;
    if (isRepeated) setDepth(frame, frame.lastDepth + 1);
    items[items.length - 1] = {
      ...isRepeated ? { kind: "group", isRepetition: true, choices: [[last]] } : last,
      min,
      max,
      size: max === 0 ? 0 : last.size * rules,
    };
    return true;
  }

  #times(nested: boolean): [min: number, max: number] | undefined {
    if (this.#take("*")) return [0, Infinity];
    if (this.#take("+")) return [1, Infinity];
    if (this.#take("?")) return [0, 1];
    const start = this.#at;
    if (!this.#take("{")) return undefined;
    this.#space(nested);
    const min = Number(this.#match(DIGITS) ?? this.#fail("expected a number"));
    this.#space(nested);
    let max = min;
    if (this.#take(",")) {
      this.#space(nested);
      max = Number(this.#match(DIGITS) ?? Infinity);
      this.#space(nested);
    }
    if (!this.#take("}")) this.#fail("expected }");
    if (min > MAX_REPEATS) this.#fail("this repeats too much", start);
    // llama.cpp would count down from below zero.
    if (max < min) this.#fail(`at least ${min} is more than at most ${max}`, start);
    // llama.cpp treats larger maxima as unlimited, but cannot read a number of twenty digits.
    if (max > MAX_REPEATS) {
      max = max > Number.MAX_SAFE_INTEGER && max < Infinity
        ? this.#fail("this repeats too much", start)
        : Infinity;
    }
    return [min, max];
  }

  #space(lines: boolean): void {
    this.#match(lines ? SPACE_AND_LINES : SPACE);
  }

  /** Reads what a sticky pattern matches here; undefined if it does not match. */
  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #take(word: string): boolean {
    const taken = this.#text.startsWith(word, this.#at);
    if (taken) this.#at += word.length;
    return taken;
  }

  #place(index: number): GbnfPlace {
    let low = 0;
    for (let high = this.#lines.length; high - low > 1;) {
      const middle = (low + high) >> 1;
      if (this.#lines[middle]! <= index) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: index - this.#lines[low]! + 1 };
  }

  #fail(message: string, at = this.#at): never {
    throw new GbnfError(message, this.#rule, this.#place(at));
  }
}

/** Number of characters and ends of ranges in llama.cpp. */
export function sizeOfReading(reading: Reading): number {
  if (typeof reading !== "object" || reading.ranges.length === 0) return 1;
  return reading.ranges.reduce((size, [from, to]) => size + (from === to ? 1 : 2), 0);
}

function setDepth(frame: Frame, depth: number): void {
  frame.lastDepth = depth;
  frame.depth = Math.max(frame.depth, depth);
}

function sizeOf(choices: readonly (readonly GbnfItem[])[]): number {
  let size = choices.length - 1;
  for (const items of choices) for (const item of items) size += item.size;
  return size;
}
