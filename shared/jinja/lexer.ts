import { TemplateError } from "./errors.ts";

export interface Token {
  readonly type:
    | "data"
    | "name"
    | "string"
    | "integer"
    | "float"
    | "operator"
    | "print begin"
    | "print end"
    | "block begin"
    | "block end"
    | "end";
  readonly value: string;
  readonly line: number;
}

/** White space as Python counts it. */
export const SPACE =
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const SPACES = new RegExp(`[${SPACE}]*`, "y");
const ONLY_SPACES = new RegExp(`^[${SPACE}]+$`);
const TRAILING_SPACES = new RegExp(`[${SPACE}]$`);
const OPENING = /\{[{%#]/g;
const RAW = new RegExp(`\\{%[-+]?[${SPACE}]*raw[${SPACE}]*(?:-%\\}[${SPACE}]*|%\\})`, "y");
const END_RAW = new RegExp(
  `\\{%([-+]?)[${SPACE}]*endraw[${SPACE}]*(?:\\+%\\}|-%\\}[${SPACE}]*|%\\}\\n?)`,
  "g",
);
const BLOCK_END = new RegExp(`\\+%\\}|-%\\}[${SPACE}]*|%\\}\\n?`, "y");
const PRINT_END = new RegExp(`-\\}\\}[${SPACE}]*|\\}\\}`, "y");
const FLOAT = /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy;
const INTEGER = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const NAME = /[\p{L}\p{M}\p{N}_]+/uy;
const STRING = /'[^'\\]*(?:\\[^][^'\\]*)*'|"[^"\\]*(?:\\[^][^"\\]*)*"/y;
const OPERATOR = /\*\*|\/\/|==|!=|>=|<=|[-+/*%~[\](){}<>=.:|,;]/y;
const CLOSING: Readonly<Record<string, string>> = { "{": "}", "(": ")", "[": "]" };

/**
 * Splits a template into tokens, with `trim_blocks` and `lstrip_blocks`: the line break after a
 * block and the indentation before it are no text.
 * @throws {TemplateError} for what is no Jinja
 */
export function tokens(template: string): Token[] {
  return new Lexer(template).run();
}

class Lexer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #line = 1;
  #counted = 0;
  /** Whether what was read last ends in a line break. */
  #startsLine = true;

  constructor(template: string) {
    this.#source = template.replace(/\r\n?/g, "\n").replace(/\n$/, "");
  }

  run(): Token[] {
    const source = this.#source;
    while (this.#at < source.length) {
      OPENING.lastIndex = this.#at;
      const opening = OPENING.exec(source);
      if (!opening) {
        this.#text(source.slice(this.#at));
        this.#at = source.length;
        break;
      }
      const { index } = opening;
      const sign = /[-+]/.test(source.charAt(index + 2)) ? source.charAt(index + 2) : "";
      const kind = opening[0];
      this.#text(this.#stripped(source.slice(this.#at, index), sign, kind !== "{{"));
      this.#at = index;
      if (kind === "{#") this.#comment(index + 2 + sign.length);
      else if (kind === "{%" && this.#match(RAW) !== undefined) this.#raw();
      else this.#tag(kind === "{%" ? "block" : "print", index + 2 + sign.length);
    }
    this.#push("end", "");
    return this.#tokens;
  }

  #stripped(text: string, sign: string, isBlock: boolean): string {
    if (sign === "-") {
      let end = text.length;
      while (end > 0 && TRAILING_SPACES.test(text.charAt(end - 1))) end--;
      return text.slice(0, end);
    }
    if (sign === "+" || !isBlock) return text;
    const start = text.lastIndexOf("\n") + 1;
    const isIndentation = (start > 0 || this.#startsLine) && ONLY_SPACES.test(text.slice(start));
    return isIndentation ? text.slice(0, start) : text;
  }

  #text(text: string): void {
    if (text !== "") this.#push("data", text);
  }

  #comment(start: number): void {
    const end = this.#source.indexOf("#}", start);
    if (end === -1) this.#fail("Missing end of comment tag");
    const sign = end > start ? this.#source.charAt(end - 1) : "";
    this.#at = end + 2;
    if (sign === "-") this.#match(SPACES);
    else if (sign !== "+" && this.#source.charAt(this.#at) === "\n") this.#at++;
    this.#startsLine = this.#source.charAt(this.#at - 1) === "\n";
  }

  #raw(): void {
    this.#startsLine = this.#source.charAt(this.#at - 1) === "\n";
    END_RAW.lastIndex = this.#at;
    const end = END_RAW.exec(this.#source);
    if (!end) this.#fail("Missing end of raw directive");
    this.#text(this.#stripped(this.#source.slice(this.#at, end.index), end[1]!, true));
    this.#at = end.index + end[0].length;
    this.#startsLine = end[0].endsWith("\n");
  }

  #tag(kind: "block" | "print", start: number): void {
    this.#push(`${kind} begin`, "");
    this.#at = start;
    const closing: string[] = [];
    const ending = kind === "block" ? BLOCK_END : PRINT_END;
    for (;;) {
      const end = closing.length === 0 ? this.#match(ending) : undefined;
      if (end !== undefined) {
        this.#push(`${kind} end`, "");
        this.#startsLine = end.endsWith("\n");
        return;
      }
      if (this.#match(SPACES) !== "") continue;
      if (this.#at >= this.#source.length) this.#fail("Unexpected end of template");
      const found = this.#first([["float", FLOAT], ["integer", INTEGER], ["name", NAME]]);
      if (found) continue;
      const string = this.#match(STRING);
      if (string !== undefined) {
        this.#push("string", this.#unescaped(string.slice(1, -1)));
        continue;
      }
      const operator = this.#match(OPERATOR);
      if (operator === undefined) {
        this.#fail(`Unexpected character ${JSON.stringify(this.#source.charAt(this.#at))}`);
      }
      if (CLOSING[operator]) closing.push(CLOSING[operator]);
      else if (/^[})\]]$/.test(operator) && closing.pop() !== operator) {
        this.#fail(`Unexpected "${operator}"`);
      }
      this.#push("operator", operator);
    }
  }

  #first(kinds: readonly (readonly ["float" | "integer" | "name", RegExp])[]): boolean {
    for (const [type, pattern] of kinds) {
      const value = this.#match(pattern);
      if (value === undefined) continue;
      this.#push(type, type === "name" ? value : value.replaceAll("_", ""));
      return true;
    }
    return false;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#source)?.[0];
    if (text !== undefined) this.#at += text.length;
    return text;
  }

  #unescaped(text: string): string {
    if (!text.includes("\\")) return text;
    return text.replace(
      /\\(\n|[0-7]{1,3}|x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|[^])/g,
      (whole, escape: string) => {
        if (escape === "\n") return "";
        if (/^[0-7]/.test(escape)) return String.fromCodePoint(parseInt(escape, 8));
        if (escape.length > 1) {
          const code = parseInt(escape.slice(1), 16);
          return code > 0x10ffff
            ? this.#fail("Illegal Unicode character")
            : String.fromCodePoint(code);
        }
        if (/[xuUN]/.test(escape)) this.#fail(`Cannot read the escape \\${escape}`);
        return ESCAPES.get(escape) ?? whole;
      },
    );
  }

  #push(type: Token["type"], value: string): void {
    this.#tokens.push({ type, value, line: this.#lineNow() });
  }

  #lineNow(): number {
    for (; this.#counted < this.#at; this.#counted++) {
      if (this.#source.charCodeAt(this.#counted) === 10) this.#line++;
    }
    return this.#line;
  }

  #fail(message: string): never {
    throw new TemplateError(`${message} (line ${this.#lineNow()})`);
  }
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\\", "\\"],
  ["'", "'"],
  ['"', '"'],
  ["a", "\x07"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
]);
