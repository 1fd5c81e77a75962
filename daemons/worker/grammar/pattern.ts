/**
 * Reads regular expressions of JSON schemas (ECMA-262), as far as a finite automaton can match
 * them: no back references, and lookaheads at the beginning only.
 *
 * @module
 */
import { allBut, type CharSet, charSet, charsOf, EVERY } from "./char_set.ts";

/** A part of a regular expression. */
export type Pattern =
  | { readonly kind: "set"; readonly set: CharSet }
  | { readonly kind: "sequence"; readonly parts: readonly Pattern[] }
  | { readonly kind: "choice"; readonly choices: readonly Pattern[] }
  /** `max` may be Infinity. */
  | {
    readonly kind: "repeat";
    readonly of: Pattern;
    readonly min: number;
    readonly max: number;
  }
  /** The beginning or the end of the text. */
  | { readonly kind: "start" | "end" };

/** A condition on a text: that a pattern occurs in it, or does not. */
export interface Condition {
  readonly pattern: Pattern;
  readonly isNegated: boolean;
}

/** A pattern that is no regular expression. */
export class BrokenPattern extends Error {
  override readonly name = "BrokenPattern";
}

/** A regular expression that no finite automaton matches, or a feature that is not supported. */
export class UnsupportedPattern extends Error {
  override readonly name = "UnsupportedPattern";
}

/** Longest pattern that is read, in UTF-16 units. */
const MAX_LENGTH = 4_096;
/** Deepest nesting of groups. */
const MAX_DEPTH = 100;
const DIGIT: CharSet = [[0x30, 0x39]];
const WORD = charSet([[0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]);
const SPACE = charsOf(
  "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a" +
    "\u2028\u2029\u202f\u205f\u3000\ufeff",
);
const DOT = allBut(charsOf("\n\r\u2028\u2029"));
const CLASSES: Readonly<Record<string, CharSet>> = {
  ...{ d: DIGIT, D: allBut(DIGIT), w: WORD, W: allBut(WORD), s: SPACE, S: allBut(SPACE) },
};
const CONTROLS: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, 0: 0 };

/**
 * Reads a regular expression. A text matches if all conditions hold.
 *
 * @throws {BrokenPattern}
 * @throws {UnsupportedPattern}
 */
export function readPattern(source: string): readonly Condition[] {
  if (source.length > MAX_LENGTH) throw new UnsupportedPattern("a very long pattern");
  return new PatternReader(source).read();
}

class PatternReader {
  readonly #chars: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#chars = [...source];
  }

  read(): readonly Condition[] {
    const looks = this.#looks();
    const pattern = this.#choice();
    if (this.#at < this.#chars.length) throw new BrokenPattern("a group is closed twice");
    const isPlain = looks.length === 0;
    if (!isPlain && pattern.kind === "choice") {
      throw new UnsupportedPattern("a lookahead in one of several choices");
    }
    const start: Pattern = { kind: "start" };
    const rest: Pattern = isPlain ? pattern : { kind: "sequence", parts: [start, pattern] };
    return [...looks, { pattern: rest, isNegated: false }];
  }

  /** Lookaheads right after a `^` at the beginning: conditions on the whole text. */
  #looks(): Condition[] {
    const looks: Condition[] = [];
    if (!this.#takes("^(?=") && !this.#takes("^(?!")) return looks;
    this.#at++;
    while (this.#takes("(?=") || this.#takes("(?!")) {
      const isNegated = this.#takes("(?!");
      this.#at += 3;
      const pattern = this.#group();
      if (/[*+?{]/.test(this.#chars[this.#at] ?? "")) {
        throw new UnsupportedPattern("a lookahead that repeats");
      }
      looks.push({ pattern: { kind: "sequence", parts: [{ kind: "start" }, pattern] }, isNegated });
    }
    return looks;
  }

  #choice(): Pattern {
    const choices = [this.#sequence()];
    while (this.#take("|")) choices.push(this.#sequence());
    return choices.length === 1 ? choices[0]! : { kind: "choice", choices };
  }

  #sequence(): Pattern {
    const parts: Pattern[] = [];
    while (this.#at < this.#chars.length && !this.#takes("|") && !this.#takes(")")) {
      const isAnchor = this.#takes("^") || this.#takes("$");
      parts.push(this.#repeated(this.#atom(), isAnchor));
    }
    return parts.length === 1 ? parts[0]! : { kind: "sequence", parts };
  }

  #repeated(of: Pattern, isAnchor: boolean): Pattern {
    const times = this.#times();
    if (!times) return of;
    this.#take("?");
    if (isAnchor) throw new BrokenPattern("nothing to repeat");
    const [min, max] = times;
    if (min > max) throw new BrokenPattern("a repetition whose least is more than its most");
    if (this.#times()) throw new BrokenPattern("a repetition that is repeated");
    return { kind: "repeat", of, min, max };
  }

  #times(): readonly [min: number, max: number] | undefined {
    if (this.#take("*")) return [0, Infinity];
    if (this.#take("+")) return [1, Infinity];
    if (this.#take("?")) return [0, 1];
    if (!this.#takes("{")) return undefined;
    const found = /^\{(\d{1,9})(,(\d{0,9}))?\}/.exec(
      this.#chars.slice(this.#at, this.#at + 24).join(""),
    );
    if (!found) return undefined;
    this.#at += found[0].length;
    const min = Number(found[1]);
    if (found[2] === undefined) return [min, min];
    return [min, found[3] === "" ? Infinity : Number(found[3])];
  }

  #atom(): Pattern {
    const char = this.#chars[this.#at++]!;
    switch (char) {
      case "^":
        return { kind: "start" };
      case "$":
        return { kind: "end" };
      case ".":
        return { kind: "set", set: DOT };
      case "[":
        return { kind: "set", set: this.#class() };
      case "(":
        return this.#opened();
      case "\\":
        return { kind: "set", set: this.#escape(false) };
      case "*":
      case "+":
      case "?":
        throw new BrokenPattern("nothing to repeat");
      default:
        return { kind: "set", set: charsOf(char) };
    }
  }

  #opened(): Pattern {
    if (this.#take("?")) {
      const isNamed = this.#takes("<") && !this.#takes("<=") && !this.#takes("<!");
      if (isNamed) {
        const end = this.#chars.indexOf(">", this.#at);
        if (end < 0) throw new BrokenPattern("a group's name is not closed");
        this.#at = end + 1;
      } else if (!this.#take(":")) {
        throw new UnsupportedPattern("a lookaround or flags within the pattern");
      }
    }
    return this.#group();
  }

  #group(): Pattern {
    if (++this.#depth > MAX_DEPTH) throw new UnsupportedPattern("groups nested too deep");
    const inner = this.#choice();
    if (!this.#take(")")) throw new BrokenPattern("a group is not closed");
    this.#depth--;
    return inner;
  }

  #class(): CharSet {
    const isNegated = this.#take("^");
    const ranges: (readonly [number, number])[] = [];
    while (!this.#take("]")) {
      const first = this.#classItem();
      const from = single(first);
      const isRange = this.#takes("-") && this.#chars[this.#at + 1] !== "]" && from !== undefined;
      if (!isRange) {
        ranges.push(...first);
        continue;
      }
      this.#at++;
      const last = this.#classItem();
      const to = single(last);
      if (to === undefined) ranges.push(...first, ...charsOf("-"), ...last);
      else if (to < from) throw new BrokenPattern("a range that ends before it begins");
      else ranges.push([from, to]);
    }
    const set = charSet(ranges);
    return isNegated ? allBut(set) : set;
  }

  #classItem(): CharSet {
    const char = this.#chars[this.#at++];
    if (char === undefined) throw new BrokenPattern("a class is not closed");
    return char === "\\" ? this.#escape(true) : charsOf(char);
  }

  #escape(isInClass: boolean): CharSet {
    const char = this.#chars[this.#at++];
    if (char === undefined) throw new BrokenPattern("a backslash at the end");
    if (CLASSES[char]) return CLASSES[char];
    if (char === "0" && /[0-9]/.test(this.#chars[this.#at] ?? "")) {
      throw new UnsupportedPattern("an octal escape");
    }
    const control = CONTROLS[char] ?? (isInClass && char === "b" ? 8 : undefined);
    if (control !== undefined) return [[control, control]];
    if (char === "x" || char === "u") return this.#hexadecimal(char);
    if (char === "c" && /[a-zA-Z]/.test(this.#chars[this.#at] ?? "")) {
      const code = this.#chars[this.#at++]!.charCodeAt(0) % 32;
      return [[code, code]];
    }
    if (/[a-zA-Z0-9]/.test(char)) throw new UnsupportedPattern(`\\${char}`);
    return charsOf(char);
  }

  #hexadecimal(kind: "x" | "u"): CharSet {
    const rest = this.#chars.slice(this.#at, this.#at + 12).join("");
    const braced = kind === "u" ? /^\{([0-9a-fA-F]{1,6})\}/.exec(rest) : null;
    const pair = kind === "u" ? /^(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})/i.exec(rest) : null;
    const plain = (kind === "x" ? /^([0-9a-f]{2})/i : /^([0-9a-f]{4})/i).exec(rest);
    const found = braced ?? pair ?? plain;
    if (!found) throw new UnsupportedPattern(`\\${kind} without its digits`);
    this.#at += found[0].length;
    const code = found === pair
      ? String.fromCharCode(parseInt(found[1]!, 16), parseInt(found[2]!, 16)).codePointAt(0)!
      : parseInt(found[1]!, 16);
    if (code > EVERY[0]![1]) throw new BrokenPattern("a character beyond Unicode");
    return [[code, code]];
  }

  #takes(word: string): boolean {
    for (let index = 0; index < word.length; index++) {
      if (this.#chars[this.#at + index] !== word[index]) return false;
    }
    return true;
  }

  #take(word: string): boolean {
    const taken = this.#takes(word);
    if (taken) this.#at += word.length;
    return taken;
  }
}

/** The only character of a set; undefined if there are more. */
function single(set: CharSet): number | undefined {
  return set.length === 1 && set[0]![0] === set[0]![1] ? set[0]![0] : undefined;
}
