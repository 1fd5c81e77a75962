import { TemplateError } from "./errors.ts";
import type { Token } from "./lexer.ts";

/** Most nested expressions and blocks. */
const MOST_NESTED = 200;

/** The tokens of a template, read one after the other. */
export class TokenStream {
  readonly #tokens: readonly Token[];
  #at = 0;
  #nested = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get current(): Token {
    return this.#tokens[this.#at]!;
  }

  next(): Token {
    const token = this.current;
    if (token.type !== "end") this.#at++;
    return token;
  }

  is(type: Token["type"], value?: string, ahead = 0): boolean {
    const token = this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!;
    return token.type === type && (value === undefined || token.value === value);
  }

  /** Reads this token if it is the next one. */
  skip(type: Token["type"], value: string): boolean {
    const found = this.is(type, value);
    if (found) this.next();
    return found;
  }

  /** @throws {TemplateError} if another token is the next one */
  expect(type: Token["type"], value?: string): Token {
    if (!this.is(type, value)) this.fail(value ?? type);
    return this.next();
  }

  name(): string {
    return this.expect("name").value;
  }

  /** @throws {TemplateError} always */
  fail(expected?: string): never {
    const { type, value, line } = this.current;
    const found = value === "" || type === "data" ? type : value;
    const message = expected ? `Expected ${expected}, found ${found}` : `Unexpected ${found}`;
    throw new TemplateError(`${message} (line ${line})`);
  }

  /**
   * Parses something that is nested in another.
   * @throws {TemplateError} if too much is nested
   */
  deeper<T>(parse: () => T): T {
    if (++this.#nested > MOST_NESTED) {
      throw new TemplateError(`More than ${MOST_NESTED} nested levels (line ${this.current.line})`);
    }
    const result = parse();
    this.#nested--;
    return result;
  }
}
