import type {
  Arguments,
  ArithmeticOperator,
  Call,
  Comparison,
  Expression,
  FilterCall,
  MacroNode,
  Slice,
  Statement,
  Target,
} from "./ast.ts";
import { TemplateError } from "./errors.ts";
import { type Token, tokens } from "./lexer.ts";

/** Most nested expressions and blocks. */
const MOST_NESTED = 200;
const COMPARISONS: ReadonlySet<string> = new Set(["==", "!=", "<", "<=", ">", ">="]);
const CONSTANTS: ReadonlyMap<string, boolean | null> = new Map([
  ["true", true],
  ["True", true],
  ["false", false],
  ["False", false],
  ["none", null],
  ["None", null],
]);
/** Names that a macro has only if it reads them. */
const IMPLICIT: ReadonlySet<string> = new Set(["caller", "kwargs", "varargs"]);
const NO_ARGUMENTS: Arguments = { positional: [], named: [] };

/**
 * Parses a template with Jinja2's grammar.
 * @throws {TemplateError} with the line where it ends to be one
 */
export function parse(template: string): readonly Statement[] {
  return new Parser(tokens(template)).template();
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #nested = 0;
  /** What each macro that is being parsed reads of {@linkcode IMPLICIT}. */
  readonly #reads: Set<string>[] = [];

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  template(): readonly Statement[] {
    const body = this.#body([]);
    if (this.#token.type !== "end") this.#fail();
    return body;
  }

  // Tokens

  get #token(): Token {
    return this.#tokens[this.#at]!;
  }

  #next(): Token {
    const token = this.#token;
    if (token.type !== "end") this.#at++;
    return token;
  }

  #is(type: Token["type"], value?: string, ahead = 0): boolean {
    const token = this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]!;
    return token.type === type && (value === undefined || token.value === value);
  }

  #skip(type: Token["type"], value: string): boolean {
    const found = this.#is(type, value);
    if (found) this.#next();
    return found;
  }

  #expect(type: Token["type"], value?: string): Token {
    if (!this.#is(type, value)) this.#fail(value ?? type);
    return this.#next();
  }

  #name(): string {
    return this.#expect("name").value;
  }

  #fail(expected?: string): never {
    const { type, value, line } = this.#token;
    const found = value === "" || type === "data" ? type : value;
    const message = expected ? `Expected ${expected}, found ${found}` : `Unexpected ${found}`;
    throw new TemplateError(`${message} (line ${line})`);
  }

  #deeper<T>(parse: () => T): T {
    if (++this.#nested > MOST_NESTED) {
      throw new TemplateError(`More than ${MOST_NESTED} nested levels (line ${this.#token.line})`);
    }
    const result = parse();
    this.#nested--;
    return result;
  }

  // Statements

  /** Statements up to one of these tags, whose name is then the token. */
  #body(ends: readonly string[]): Statement[] {
    return this.#deeper(() => {
      const body: Statement[] = [];
      while (!this.#is("end")) {
        const { type, value } = this.#next();
        if (type === "data") body.push({ kind: "text", text: value });
        else if (type === "print begin") {
          body.push({ kind: "print", value: this.#tuple() });
          this.#expect("print end");
        } else {
          if (this.#is("name") && ends.includes(this.#token.value)) return body;
          body.push(...this.#statement());
          this.#expect("block end");
        }
      }
      if (ends.length > 0) this.#fail(ends.join(" or "));
      return body;
    });
  }

  /** The body of a block, whose end tag is read, too. */
  #block(end: string): Statement[] {
    this.#skip("operator", ":");
    this.#expect("block end");
    const body = this.#body([end]);
    this.#next();
    return body;
  }

  #statement(): Statement[] {
    const { value: tag } = this.#expect("name");
    switch (tag) {
      case "if":
        return [this.#if()];
      case "for":
        return [this.#for()];
      case "set":
        return [this.#set()];
      case "macro": {
        const name = this.#name();
        return [{ kind: "macro", macro: this.#macro(name, this.#parameters(), "endmacro") }];
      }
      case "call": {
        const parameters = this.#is("operator", "(") ? this.#parameters() : [];
        const call = this.#expression();
        if (call.kind !== "call") this.#fail("a call");
        return [{
          kind: "call block",
          call: call as Call,
          macro: this.#macro(undefined, parameters, "endcall"),
        }];
      }
      case "filter": {
        const filters = [this.#filterCall(), ...this.#filterCalls()];
        return [{ kind: "filter block", filters, body: this.#block("endfilter") }];
      }
      case "with":
        return [this.#with()];
      case "print":
        return this.#print();
      case "generation":
        return [{ kind: "scope", body: this.#block("endgeneration") }];
      case "autoescape":
        this.#expression();
        return [{ kind: "scope", body: this.#block("endautoescape") }];
      case "block": {
        const name = this.#name();
        this.#skip("name", "scoped");
        this.#skip("name", "required");
        const body = this.#block("endblock");
        this.#skip("name", name);
        return [{ kind: "scope", body }];
      }
      case "break":
      case "continue":
        return [{ kind: tag }];
      case "include":
      case "import":
      case "from":
      case "extends":
        while (!this.#is("block end") && !this.#is("end")) this.#next();
        return [{ kind: "unsupported", tag }];
    }
    throw new TemplateError(`Unknown tag ${tag} (line ${this.#token.line})`);
  }

  #if(): Statement {
    const branches = [];
    let otherwise: Statement[] = [];
    for (;;) {
      const test = this.#tuple({ choices: false });
      this.#skip("operator", ":");
      this.#expect("block end");
      branches.push({ test, body: this.#body(["elif", "else", "endif"]) });
      const { value } = this.#next();
      if (value === "elif") continue;
      if (value === "else") otherwise = this.#block("endif");
      return { kind: "if", branches, otherwise };
    }
  }

  #for(): Statement {
    const target = this.#target();
    this.#expect("name", "in");
    const items = this.#tuple({ choices: false, end: "recursive" });
    const test = this.#skip("name", "if") ? this.#expression() : undefined;
    const isRecursive = this.#skip("name", "recursive");
    this.#skip("operator", ":");
    this.#expect("block end");
    const body = this.#body(["endfor", "else"]);
    const otherwise = this.#next().value === "else" ? this.#block("endfor") : [];
    return { kind: "for", target, items, test, isRecursive, body, otherwise };
  }

  #set(): Statement {
    const target = this.#target(true);
    if (this.#skip("operator", "=")) return { kind: "set", target, value: this.#tuple() };
    const filters = this.#filterCalls();
    return { kind: "set block", target, filters, body: this.#block("endset") };
  }

  #with(): Statement {
    const pairs: [Target, Expression][] = [];
    while (!this.#is("block end")) {
      if (pairs.length > 0) this.#expect("operator", ",");
      const target = this.#target();
      this.#expect("operator", "=");
      pairs.push([target, this.#expression()]);
    }
    return { kind: "with", pairs, body: this.#block("endwith") };
  }

  #print(): Statement[] {
    const printed: Statement[] = [];
    while (!this.#is("block end")) {
      if (printed.length > 0) this.#expect("operator", ",");
      printed.push({ kind: "print", value: this.#expression() });
    }
    return printed;
  }

  #parameters(): MacroNode["parameters"] {
    const parameters: { name: string; fallback?: Expression }[] = [];
    this.#expect("operator", "(");
    while (!this.#is("operator", ")")) {
      if (parameters.length > 0) this.#expect("operator", ",");
      const name = this.#name();
      if (this.#skip("operator", "=")) parameters.push({ name, fallback: this.#expression() });
      else if (parameters.at(-1)?.fallback) this.#fail("a default value");
      else parameters.push({ name });
    }
    this.#next();
    return parameters;
  }

  #macro(name: string | undefined, parameters: MacroNode["parameters"], end: string): MacroNode {
    const reads = new Set<string>();
    this.#reads.push(reads);
    const body = this.#block(end);
    this.#reads.pop();
    for (const parameter of parameters) reads.delete(parameter.name);
    return { name, parameters, body, reads };
  }

  #target(members = false): Target {
    const items: Target[] = [];
    let isTuple = false;
    do {
      if (items.length > 0 && (this.#is("name", "in") || this.#is("block end"))) break;
      items.push(this.#oneTarget(members));
      isTuple ||= this.#is("operator", ",");
    } while (this.#skip("operator", ","));
    return isTuple ? { kind: "tuple", items } : items[0]!;
  }

  #oneTarget(members: boolean): Target {
    if (this.#skip("operator", "(")) {
      const target = this.#deeper(() => this.#target(members));
      this.#expect("operator", ")");
      return target;
    }
    const name = this.#name();
    if (CONSTANTS.has(name)) this.#fail("a name");
    if (!members || !this.#skip("operator", ".")) return { kind: "name", name };
    return { kind: "member", name, attribute: this.#name() };
  }

  // Expressions

  #tuple({ choices = true, end, empty = false }: {
    choices?: boolean;
    end?: string;
    empty?: boolean;
  } = {}): Expression {
    const items: Expression[] = [];
    let isTuple = false;
    for (;;) {
      if (items.length > 0) this.#expect("operator", ",");
      if (this.#endsTuple(end)) break;
      items.push(choices ? this.#expression() : this.#or());
      if (!this.#is("operator", ",")) break;
      isTuple = true;
    }
    if (isTuple) return { kind: "tuple", items };
    if (items[0]) return items[0];
    if (!empty) this.#fail("an expression");
    return { kind: "tuple", items };
  }

  #endsTuple(end: string | undefined): boolean {
    return this.#is("print end") || this.#is("block end") || this.#is("operator", ")") ||
      end !== undefined && this.#is("name", end);
  }

  #expression(): Expression {
    return this.#deeper(() => {
      let then = this.#or();
      while (this.#skip("name", "if")) {
        const test = this.#or();
        const otherwise = this.#skip("name", "else") ? this.#expression() : undefined;
        then = { kind: "choice", test, then, otherwise };
      }
      return then;
    });
  }

  #or(): Expression {
    let left = this.#and();
    while (this.#skip("name", "or")) left = { kind: "or", left, right: this.#and() };
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.#skip("name", "and")) left = { kind: "and", left, right: this.#not() };
    return left;
  }

  #not(): Expression {
    if (!this.#skip("name", "not")) return this.#comparison();
    return { kind: "not", value: this.#deeper(() => this.#not()) };
  }

  #comparison(): Expression {
    const left = this.#sum();
    const rest: { operator: Comparison; right: Expression }[] = [];
    for (;;) {
      if (this.#is("operator") && COMPARISONS.has(this.#token.value)) {
        const operator = this.#next().value as Comparison;
        rest.push({ operator, right: this.#sum() });
      } else if (this.#skip("name", "in")) rest.push({ operator: "in", right: this.#sum() });
      else if (this.#is("name", "not") && this.#is("name", "in", 1)) {
        this.#at += 2;
        rest.push({ operator: "not in", right: this.#sum() });
      } else return rest.length === 0 ? left : { kind: "comparison", left, rest };
    }
  }

  #sum(): Expression {
    return this.#arithmetic(["+", "-"], () => this.#concatenation());
  }

  #concatenation(): Expression {
    const parts = [this.#product()];
    while (this.#skip("operator", "~")) parts.push(this.#product());
    return parts.length === 1 ? parts[0]! : { kind: "concatenation", parts };
  }

  #product(): Expression {
    const power = () => this.#arithmetic(["**"], () => this.#unary());
    return this.#arithmetic(["*", "/", "//", "%"], power);
  }

  #arithmetic(
    operators: readonly ArithmeticOperator[],
    operand: () => Expression,
  ): Expression {
    let left = operand();
    for (;;) {
      const operator = operators.find((operator) => this.#is("operator", operator));
      if (!operator) return left;
      this.#next();
      left = { kind: "arithmetic", operator, left, right: operand() };
    }
  }

  #unary(withFilters = true): Expression {
    let value: Expression;
    if (this.#skip("operator", "-")) {
      value = { kind: "negative", value: this.#deeper(() => this.#unary(false)) };
    } else if (this.#skip("operator", "+")) {
      value = { kind: "positive", value: this.#deeper(() => this.#unary(false)) };
    } else value = this.#primary();
    value = this.#postfix(value);
    return withFilters ? this.#filters(value) : value;
  }

  #primary(): Expression {
    const { type, value } = this.#token;
    switch (type) {
      case "name": {
        this.#next();
        const constant = CONSTANTS.get(value);
        if (constant !== undefined) return { kind: "constant", value: constant };
        if (IMPLICIT.has(value)) { for (const reads of this.#reads) reads.add(value); }
        return { kind: "name", name: value };
      }
      case "string": {
        let text = "";
        while (this.#is("string")) text += this.#next().value;
        return { kind: "constant", value: text };
      }
      case "integer":
        this.#next();
        return { kind: "constant", value: BigInt(value.replace(/^0+(?=\d)/, "")) };
      case "float":
        this.#next();
        return { kind: "constant", value: Number(value) };
    }
    if (this.#skip("operator", "(")) {
      const tuple = this.#tuple({ empty: true });
      this.#expect("operator", ")");
      return tuple;
    }
    if (this.#skip("operator", "[")) {
      return { kind: "list", items: this.#items("]", () => this.#expression()) };
    }
    if (this.#skip("operator", "{")) {
      const pairs = this.#items("}", (): [Expression, Expression] => {
        const key = this.#expression();
        this.#expect("operator", ":");
        return [key, this.#expression()];
      });
      return { kind: "dict", pairs };
    }
    this.#fail();
  }

  #items<T>(end: string, item: () => T): T[] {
    const items: T[] = [];
    while (!this.#is("operator", end)) {
      if (items.length > 0) this.#expect("operator", ",");
      if (this.#is("operator", end)) break;
      items.push(item());
    }
    this.#next();
    return items;
  }

  #postfix(value: Expression): Expression {
    for (;;) {
      if (this.#skip("operator", ".")) {
        if (this.#is("integer")) {
          const key = { kind: "constant", value: BigInt(this.#next().value) } as const;
          value = { kind: "item", object: value, key };
        } else value = { kind: "attribute", object: value, name: this.#name() };
      } else if (this.#skip("operator", "[")) {
        value = { kind: "item", object: value, key: this.#subscript() };
      } else if (this.#is("operator", "(")) {
        value = { kind: "call", callee: value, args: this.#arguments() };
      } else return value;
    }
  }

  #subscript(): Expression | Slice {
    const keys: Expression[] = [];
    for (;;) {
      if (this.#is("operator", ":")) return this.#slice(undefined);
      const key = this.#expression();
      if (keys.length === 0 && this.#is("operator", ":")) return this.#slice(key);
      keys.push(key);
      if (this.#skip("operator", ",")) continue;
      this.#expect("operator", "]");
      return keys.length === 1 ? key : { kind: "tuple", items: keys };
    }
  }

  #slice(start: Expression | undefined): Slice {
    const bounds = [1, 2].map(() => {
      if (!this.#skip("operator", ":")) return undefined;
      return this.#is("operator", ":") || this.#is("operator", "]")
        ? undefined
        : this.#expression();
    });
    this.#expect("operator", "]");
    return { kind: "slice", start, stop: bounds[0], step: bounds[1] };
  }

  #arguments(): Arguments {
    const positional: Expression[] = [];
    const named: [string, Expression][] = [];
    let list: Expression | undefined;
    let dict: Expression | undefined;
    this.#expect("operator", "(");
    for (let isFirst = true; !this.#is("operator", ")"); isFirst = false) {
      if (!isFirst) this.#expect("operator", ",");
      if (this.#is("operator", ")")) break;
      if (dict) this.#fail(")");
      if (this.#skip("operator", "*")) {
        if (list) this.#fail(")");
        list = this.#expression();
      } else if (this.#skip("operator", "**")) dict = this.#expression();
      else if (this.#is("name") && this.#is("operator", "=", 1)) {
        const name = this.#name();
        this.#next();
        named.push([name, this.#expression()]);
      } else {
        if (list || named.length > 0) this.#fail("an argument with a name");
        positional.push(this.#expression());
      }
    }
    this.#next();
    return { positional, named, list, dict };
  }

  #filters(value: Expression): Expression {
    for (;;) {
      if (this.#skip("operator", "|")) {
        value = { kind: "filter", value, filter: this.#filterCall() };
      } else if (this.#skip("name", "is")) value = this.#test(value);
      else if (this.#is("operator", "(")) {
        value = { kind: "call", callee: value, args: this.#arguments() };
      } else return value;
    }
  }

  #filterCalls(): FilterCall[] {
    const filters: FilterCall[] = [];
    while (this.#skip("operator", "|")) filters.push(this.#filterCall());
    return filters;
  }

  #filterCall(): FilterCall {
    const name = this.#dottedName();
    return { name, args: this.#is("operator", "(") ? this.#arguments() : NO_ARGUMENTS };
  }

  #dottedName(): string {
    let name = this.#name();
    while (this.#skip("operator", ".")) name += `.${this.#name()}`;
    return name;
  }

  #test(value: Expression): Expression {
    const isNegated = this.#skip("name", "not");
    const name = this.#dottedName();
    const test: Expression = { kind: "test", value, test: { name, args: this.#testArguments() } };
    return isNegated ? { kind: "not", value: test } : test;
  }

  #testArguments(): Arguments {
    if (this.#is("operator", "(")) return this.#arguments();
    const { type, value } = this.#token;
    const isArgument = type === "string" || type === "integer" || type === "float" ||
      type === "operator" && (value === "[" || value === "{") ||
      type === "name" && !["else", "or", "and"].includes(value);
    if (!isArgument) return NO_ARGUMENTS;
    if (type === "name" && value === "is") this.#fail("no second test");
    return { positional: [this.#postfix(this.#primary())], named: [] };
  }
}
