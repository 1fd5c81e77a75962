import { TEXTS } from "./probe.ts";

/** Texts of marks: where they begin and end in what a template renders. */
export class MarkText {
  readonly #specials: readonly string[];

  /** @param specials texts of control and user-defined tokens, longest first */
  constructor(specials: readonly string[]) {
    this.#specials = specials;
  }

  /** The longest common end of two texts that begins with a mark. */
  commonEnd(a: string, b: string): string {
    let count = 0;
    while (count < Math.min(a.length, b.length) && a.at(-1 - count) === b.at(-1 - count)) count++;
    // What is equal before the first mark that stands alone may be the end of another mark.
    const from = a.length - count;
    const places = Array.from({ length: count }, (_, index) => from + index);
    const at = places.find((place) => this.#isMark(a, place)) ??
      places.find((place) => this.#mayBegin(a, place));
    return at === undefined ? "" : a.slice(at);
  }

  /** The longest common beginning of two texts that ends before a mark. */
  commonStart(a: string, b: string): string {
    let count = 0;
    while (count < Math.min(a.length, b.length) && a[count] === b[count]) count++;
    const isText = [a, b].some((text) => text.startsWith(TEXTS.content, count));
    if (isText || this.#mayBegin(a, count) || this.#mayBegin(b, count)) {
      return a.slice(0, count);
    }
    for (let at = count; at > 0; at--) {
      if (this.#mayBegin(a, at) && this.#mayBegin(b, at)) return a.slice(0, at);
    }
    return "";
  }

  /** A text's marks: parts that begin after white space or after a bracket that closes. */
  split(text: string): string[] {
    const marks: string[] = [];
    let from = 0;
    for (let at = 1; at <= text.length; at++) {
      if (at < text.length && !this.#isMark(text, at)) continue;
      const mark = text.slice(from, at).trim();
      if (mark !== "") marks.push(mark);
      from = at;
    }
    return marks;
  }

  /** Whether a mark begins at this index: after white space or a bracket that closes. */
  #isMark(text: string, at: number): boolean {
    if (/[>"]/.test(text[at]!)) return false;
    if (at === 0 || /\s/.test(text[at - 1]!)) return true;
    if (!/[>\]]/.test(text[at - 1]!) || this.#isInside(text, at)) return false;
    return /[<[]/.test(text[at]!) || this.#startsSpecial(text, at);
  }

  /** Whether a mark may begin at this index. */
  #mayBegin(text: string, at: number): boolean {
    if (at === 0 || at >= text.length || /\s/.test(text[at - 1]!)) return true;
    if (this.#isInside(text, at)) return false;
    return /[<[]/.test(text[at]!) || this.#startsSpecial(text, at);
  }

  #startsSpecial(text: string, at: number): boolean {
    return this.#specials.some((special) => text.startsWith(special, at));
  }

  /** Whether a special token's text goes on over this index. */
  #isInside(text: string, at: number): boolean {
    return this.#specials.some((special) => {
      const from = text.lastIndexOf(special, at - 1);
      return from >= 0 && from + special.length > at;
    });
  }
}

/** Each line of a text, without white space around it. */
export function linesOf(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}

const MIRRORS: readonly (readonly [RegExp, string])[] = [
  ...[[/START/, "END"], [/start/, "end"], [/BEGIN/, "END"], [/begin/, "end"]] as const,
  ...[[/open/, "close"], [/<(?=\w)/, "</"], [/\[(?=\w)/, "[/"]] as const,
];

/** What may close a mark, as most are written: another word, or a slash before its name. */
export function mirrors(open: string): string[] {
  return MIRRORS.filter(([word]) => word.test(open)).map(([word, other]) =>
    open.replace(word, other)
  );
}
