import type {
  Arguments,
  ArithmeticOperator,
  Comparison,
  Expression,
  FilterCall,
  Slice,
} from "./ast.ts";
import type { TokenStream } from "./token_stream.ts";

const COMPARISONS: ReadonlySet<string> = new Set(["==", "!=", "<", "<=", ">", ">="]);

/** Names that are values, and never variables. */
export const CONSTANTS: ReadonlyMap<string, boolean | null> = new Map([
  ["true", true],
  ["True", true],
  ["false", false],
  ["False", false],
  ["none", null],
  ["None", null],
]);
const NO_ARGUMENTS: Arguments = { positional: [], named: [] };

/** Parses the expressions of a template. */
export class ExpressionParser {
  readonly #tokens: TokenStream;
  readonly #onName: (name: string) => void;

  /** @param onName Called with the name of each variable that is read. */
  constructor(tokens: TokenStream, onName: (name: string) => void) {
    this.#tokens = tokens;
    this.#onName = onName;
  }

  /**
   * One expression, or several with commas between them.
   * @throws {TemplateError} where there is none, unless it may be empty
   */
  tuple({ choices = true, end, empty = false }: {
    choices?: boolean;
    end?: string;
    empty?: boolean;
  } = {}): Expression {
    const items: Expression[] = [];
    let isTuple = false;
    for (;;) {
      if (items.length > 0) this.#tokens.expect("operator", ",");
      if (this.#endsTuple(end)) break;
      items.push(choices ? this.expression() : this.#or());
      if (!this.#tokens.is("operator", ",")) break;
      isTuple = true;
    }
    if (isTuple) return { kind: "tuple", items };
    if (items[0]) return items[0];
    if (!empty) this.#tokens.fail("an expression");
    return { kind: "tuple", items };
  }

  #endsTuple(end: string | undefined): boolean {
    return this.#tokens.is("print end") || this.#tokens.is("block end") ||
      this.#tokens.is("operator", ")") ||
      end !== undefined && this.#tokens.is("name", end);
  }

  expression(): Expression {
    return this.#tokens.deeper(() => {
      let then = this.#or();
      while (this.#tokens.skip("name", "if")) {
        const test = this.#or();
        const otherwise = this.#tokens.skip("name", "else") ? this.expression() : undefined;
        then = { kind: "choice", test, then, otherwise };
      }
      return then;
    });
  }

  #or(): Expression {
    let left = this.#and();
    while (this.#tokens.skip("name", "or")) left = { kind: "or", left, right: this.#and() };
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.#tokens.skip("name", "and")) left = { kind: "and", left, right: this.#not() };
    return left;
  }

  #not(): Expression {
    if (!this.#tokens.skip("name", "not")) return this.#comparison();
    return { kind: "not", value: this.#tokens.deeper(() => this.#not()) };
  }

  #comparison(): Expression {
    const left = this.#sum();
    const rest: { operator: Comparison; right: Expression }[] = [];
    for (;;) {
      if (this.#tokens.is("operator") && COMPARISONS.has(this.#tokens.current.value)) {
        const operator = this.#tokens.next().value as Comparison;
        rest.push({ operator, right: this.#sum() });
      } else if (this.#tokens.skip("name", "in")) rest.push({ operator: "in", right: this.#sum() });
      else if (this.#tokens.is("name", "not") && this.#tokens.is("name", "in", 1)) {
        this.#tokens.next();
        this.#tokens.next();
        rest.push({ operator: "not in", right: this.#sum() });
      } else return rest.length === 0 ? left : { kind: "comparison", left, rest };
    }
  }

  #sum(): Expression {
    return this.#arithmetic(["+", "-"], () => this.#concatenation());
  }

  #concatenation(): Expression {
    const parts = [this.#product()];
    while (this.#tokens.skip("operator", "~")) parts.push(this.#product());
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
      const operator = operators.find((operator) => this.#tokens.is("operator", operator));
      if (!operator) return left;
      this.#tokens.next();
      left = { kind: "arithmetic", operator, left, right: operand() };
    }
  }

  #unary(withFilters = true): Expression {
    let value: Expression;
    if (this.#tokens.skip("operator", "-")) {
      value = { kind: "negative", value: this.#tokens.deeper(() => this.#unary(false)) };
    } else if (this.#tokens.skip("operator", "+")) {
      value = { kind: "positive", value: this.#tokens.deeper(() => this.#unary(false)) };
    } else value = this.#primary();
    value = this.#postfix(value);
    return withFilters ? this.#filters(value) : value;
  }

  #primary(): Expression {
    const { type, value } = this.#tokens.current;
    switch (type) {
      case "name": {
        this.#tokens.next();
        const constant = CONSTANTS.get(value);
        if (constant !== undefined) return { kind: "constant", value: constant };
        this.#onName(value);
        return { kind: "name", name: value };
      }
      case "string": {
        let text = "";
        while (this.#tokens.is("string")) text += this.#tokens.next().value;
        return { kind: "constant", value: text };
      }
      case "integer":
        this.#tokens.next();
        return { kind: "constant", value: BigInt(value.replace(/^0+(?=\d)/, "")) };
      case "float":
        this.#tokens.next();
        return { kind: "constant", value: Number(value) };
    }
    if (this.#tokens.skip("operator", "(")) {
      const tuple = this.tuple({ empty: true });
      this.#tokens.expect("operator", ")");
      return tuple;
    }
    if (this.#tokens.skip("operator", "[")) {
      return { kind: "list", items: this.#items("]", () => this.expression()) };
    }
    if (this.#tokens.skip("operator", "{")) {
      const pairs = this.#items("}", (): [Expression, Expression] => {
        const key = this.expression();
        this.#tokens.expect("operator", ":");
        return [key, this.expression()];
      });
      return { kind: "dict", pairs };
    }
    this.#tokens.fail();
  }

  #items<T>(end: string, item: () => T): T[] {
    const items: T[] = [];
    while (!this.#tokens.is("operator", end)) {
      if (items.length > 0) this.#tokens.expect("operator", ",");
      if (this.#tokens.is("operator", end)) break;
      items.push(item());
    }
    this.#tokens.next();
    return items;
  }

  #postfix(value: Expression): Expression {
    for (;;) {
      if (this.#tokens.skip("operator", ".")) {
        if (this.#tokens.is("integer")) {
          const key = { kind: "constant", value: BigInt(this.#tokens.next().value) } as const;
          value = { kind: "item", object: value, key };
        } else value = { kind: "attribute", object: value, name: this.#tokens.name() };
      } else if (this.#tokens.skip("operator", "[")) {
        value = { kind: "item", object: value, key: this.#subscript() };
      } else if (this.#tokens.is("operator", "(")) {
        value = { kind: "call", callee: value, args: this.#arguments() };
      } else return value;
    }
  }

  #subscript(): Expression | Slice {
    const keys: Expression[] = [];
    for (;;) {
      if (this.#tokens.is("operator", ":")) return this.#slice(undefined);
      const key = this.expression();
      if (keys.length === 0 && this.#tokens.is("operator", ":")) return this.#slice(key);
      keys.push(key);
      if (this.#tokens.skip("operator", ",")) continue;
      this.#tokens.expect("operator", "]");
      return keys.length === 1 ? key : { kind: "tuple", items: keys };
    }
  }

  #slice(start: Expression | undefined): Slice {
    const bounds = [1, 2].map(() => {
      if (!this.#tokens.skip("operator", ":")) return undefined;
      return this.#tokens.is("operator", ":") || this.#tokens.is("operator", "]")
        ? undefined
        : this.expression();
    });
    this.#tokens.expect("operator", "]");
    return { kind: "slice", start, stop: bounds[0], step: bounds[1] };
  }

  #arguments(): Arguments {
    const positional: Expression[] = [];
    const named: [string, Expression][] = [];
    let list: Expression | undefined;
    let dict: Expression | undefined;
    this.#tokens.expect("operator", "(");
    for (let isFirst = true; !this.#tokens.is("operator", ")"); isFirst = false) {
      if (!isFirst) this.#tokens.expect("operator", ",");
      if (this.#tokens.is("operator", ")")) break;
      if (dict) this.#tokens.fail(")");
      if (this.#tokens.skip("operator", "*")) {
        if (list) this.#tokens.fail(")");
        list = this.expression();
      } else if (this.#tokens.skip("operator", "**")) dict = this.expression();
      else if (this.#tokens.is("name") && this.#tokens.is("operator", "=", 1)) {
        const name = this.#tokens.name();
        this.#tokens.next();
        named.push([name, this.expression()]);
      } else {
        if (list || named.length > 0) this.#tokens.fail("an argument with a name");
        positional.push(this.expression());
      }
    }
    this.#tokens.next();
    return { positional, named, list, dict };
  }

  #filters(value: Expression): Expression {
    for (;;) {
      if (this.#tokens.skip("operator", "|")) {
        value = { kind: "filter", value, filter: this.filterCall() };
      } else if (this.#tokens.skip("name", "is")) value = this.#test(value);
      else if (this.#tokens.is("operator", "(")) {
        value = { kind: "call", callee: value, args: this.#arguments() };
      } else return value;
    }
  }

  filterCalls(): FilterCall[] {
    const filters: FilterCall[] = [];
    while (this.#tokens.skip("operator", "|")) filters.push(this.filterCall());
    return filters;
  }

  filterCall(): FilterCall {
    const name = this.#dottedName();
    return { name, args: this.#tokens.is("operator", "(") ? this.#arguments() : NO_ARGUMENTS };
  }

  #dottedName(): string {
    let name = this.#tokens.name();
    while (this.#tokens.skip("operator", ".")) name += `.${this.#tokens.name()}`;
    return name;
  }

  #test(value: Expression): Expression {
    const isNegated = this.#tokens.skip("name", "not");
    const name = this.#dottedName();
    const test: Expression = { kind: "test", value, test: { name, args: this.#testArguments() } };
    return isNegated ? { kind: "not", value: test } : test;
  }

  #testArguments(): Arguments {
    if (this.#tokens.is("operator", "(")) return this.#arguments();
    const { type, value } = this.#tokens.current;
    const isArgument = type === "string" || type === "integer" || type === "float" ||
      type === "operator" && (value === "[" || value === "{") ||
      type === "name" && !["else", "or", "and"].includes(value);
    if (!isArgument) return NO_ARGUMENTS;
    if (type === "name" && value === "is") this.#tokens.fail("no second test");
    return { positional: [this.#postfix(this.#primary())], named: [] };
  }
}
