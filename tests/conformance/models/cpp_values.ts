/** A value of the part of C++ that llama.cpp's tests of chats are written in. */
export type CppValue = string | number | boolean | CppName | CppCall | readonly CppValue[];

/** A name that stands for nothing known. */
export interface CppName {
  readonly name: string;
}

/** A call of a function. */
export interface CppCall {
  readonly call: string;
  readonly arguments: readonly CppValue[];
}

/** A token of C++. */
export interface CppToken {
  readonly kind: "string" | "name" | "number" | "sign";
  readonly text: string;
}

const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "0": "\0" };

/** Tokens of a C++ source, without comments. */
export function cppTokens(source: string): CppToken[] {
  const tokens: CppToken[] = [];
  const pattern = new RegExp(
    [
      String.raw`\/\/[^\n]*|\/\*[\s\S]*?\*\/|\s+|#[^\n]*`,
      String.raw`R"(?<mark>[^()\s]{0,16})\((?<raw>[\s\S]*?)\)\k<mark>"`,
      String.raw`"(?<text>(?:[^"\\]|\\[\s\S])*)"`,
      String.raw`'(?:[^'\\]|\\.)+'`,
      String.raw`(?<name>[A-Za-z_][\w]*(?:::[A-Za-z_]\w*)*)`,
      String.raw`(?<number>\d[\w.]*)`,
      String.raw`(?<sign>[\s\S])`,
    ].join("|"),
    "gy",
  );
  for (let match = pattern.exec(source); match; match = pattern.exec(source)) {
    const { raw, text, name, number, sign } = match.groups!;
    if (raw !== undefined) tokens.push({ kind: "string", text: raw });
    else if (text !== undefined) tokens.push({ kind: "string", text: unescaped(text) });
    else if (name !== undefined) tokens.push({ kind: "name", text: name });
    else if (number !== undefined) tokens.push({ kind: "number", text: number });
    else if (sign !== undefined) tokens.push({ kind: "sign", text: sign });
  }
  return tokens;
}

function unescaped(text: string): string {
  return text.replace(/\\([\s\S])/g, (_, char: string) => ESCAPES[char] ?? char);
}

/** Reads values from tokens. */
export class CppReader {
  readonly tokens: readonly CppToken[];
  readonly names: Map<string, CppValue>;
  at: number;

  constructor(tokens: readonly CppToken[], names: Map<string, CppValue>, at = 0) {
    this.tokens = tokens;
    this.names = names;
    this.at = at;
  }

  is(text: string, offset = 0): boolean {
    const token = this.tokens[this.at + offset];
    return token?.kind !== "string" && token?.text === text;
  }

  /** A value; texts that are added or stand side by side become one. */
  value(): CppValue {
    let value = this.#primary();
    while (this.is("+")) {
      this.at++;
      value = `${value as string}${this.#primary() as string}`;
    }
    return value;
  }

  /** Values up to a closing bracket, after the opening one. */
  list(close: string): CppValue[] {
    const values: CppValue[] = [];
    while (!this.is(close)) {
      values.push(this.value());
      if (this.is(",")) this.at++;
    }
    this.at++;
    return values;
  }

  /** The index after the bracket that closes the one at `at`. */
  closing(at: number): number {
    let depth = 0;
    for (let index = at; index < this.tokens.length; index++) {
      const { kind, text } = this.tokens[index]!;
      if (kind !== "sign") continue;
      if (text === "{" || text === "(") depth++;
      else if ((text === "}" || text === ")") && --depth === 0) return index + 1;
    }
    return this.tokens.length;
  }

  #primary(): CppValue {
    const token = this.tokens[this.at]!;
    this.at++;
    if (token.kind === "string") {
      let text = token.text;
      while (this.tokens[this.at]?.kind === "string") text += this.tokens[this.at++]!.text;
      return text;
    }
    if (token.kind === "number") return Number.parseFloat(token.text);
    if (token.kind === "name") {
      if (token.text === "true" || token.text === "false") return token.text === "true";
      if (this.is("(")) {
        this.at++;
        const given = this.list(")");
        return token.text === "std::string" ? given[0]! : { call: token.text, arguments: given };
      }
      return this.names.get(token.text) ?? { name: token.text };
    }
    if (token.text === "{") return this.list("}");
    if (token.text === "(" || token.text === "-" || token.text === "&") return this.value();
    throw new Error(`Cannot read C++ at '${token.text}' (token ${this.at})`);
  }
}
