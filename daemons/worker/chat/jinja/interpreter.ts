import type {
  Arguments,
  Call,
  Expression,
  FilterCall,
  ForNode,
  MacroNode,
  Statement,
  Target,
} from "#shared/jinja/ast.ts";
import { atOnce, type Making } from "#shared/in_turns.ts";
import { TemplateError } from "#shared/jinja/errors.ts";
import type { Budget } from "./budget.ts";
import { FILTERS, VARIADIC_FILTERS } from "./filters.ts";
import { Loop } from "./loop.ts";
import { bound, type Machine } from "./machine.ts";
import { attributeOf, itemOf, sliceOf } from "./members.ts";
import { arithmetic, compares } from "./operators.ts";
import { TESTS } from "./tests.ts";
import { str } from "./text.ts";
import {
  Callable,
  Dict,
  ExactFloat,
  isTrue,
  iterate,
  Macro,
  Markup,
  type Named,
  Namespace,
  numeric,
  orElse,
  plain,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from "./values.ts";

/** Variables of a block; those around it can be read. */
class Scope {
  readonly variables: Map<string, Value>;
  readonly #outer: Scope | undefined;

  constructor(outer: Scope | undefined, variables = new Map<string, Value>()) {
    this.#outer = outer;
    this.variables = variables;
  }

  get(name: string): Value | undefined {
    const own = this.variables.get(name);
    return own === undefined ? this.#outer?.get(name) : own;
  }
}

/** Where a block writes, and the variables that it has. */
interface Frame {
  readonly scope: Scope;
  text: string;
}

/** Arguments of a call. */
interface GivenArguments {
  readonly positional: Value[];
  readonly named: Map<string, Value>;
}

/** How a body ends. */
type End = "done" | "break" | "continue";

/** Filters that see whether a text is markup. */
const KEEP_MARKUP: ReadonlySet<string> = new Set(["default", "d", "e", "escape", "string"]);
/** Filters whose result for markup is markup. */
const STAY_MARKUP: ReadonlySet<string> = new Set([
  "capitalize",
  "center",
  "indent",
  "lower",
  "title",
  "trim",
  "upper",
]);

/** Runs a template once. */
export class Interpreter implements Machine {
  readonly budget: Budget;
  readonly #variables: Scope;

  /** @param variables What the template reads; its own variables are apart. */
  constructor(budget: Budget, variables: Iterable<readonly [string, Value]>) {
    this.budget = budget;
    this.#variables = new Scope(undefined, new Map(variables));
  }

  /**
   * Renders the template. It can be interrupted between statements.
   * @throws {TemplateError} what the template raises, and when a limit is reached
   */
  *rendering(template: readonly Statement[]): Making<string> {
    const frame = { scope: new Scope(this.#variables), text: "" };
    yield* this.#body(template, frame);
    return frame.text;
  }

  attribute(object: Value, name: string): Value {
    return attributeOf(object, name, this);
  }

  item(object: Value, key: Value): Value {
    return itemOf(object, key, this);
  }

  filter(name: string, value: Value, args: readonly Value[], named: Named): Value {
    const result = this.#filter(name, value, args, named);
    if (typeof result === "string") this.budget.fits(result.length);
    return result;
  }

  #filter(name: string, value: Value, args: readonly Value[], named: Named): Value {
    // Calls take more than a step.
    this.budget.step(4);
    if (typeof value === "string") this.budget.write(value.length);
    const variadic = VARIADIC_FILTERS.get(name);
    if (variadic) return variadic(plain(value), args, named, this);
    const filter = FILTERS.get(name);
    if (!filter) throw new TemplateError(`No filter named '${name}'`);
    const given = bound(`The filter ${name}`, filter, args, named);
    if (!(value instanceof Markup)) return filter.run(value, given, this);
    if (KEEP_MARKUP.has(name)) return filter.run(value, given, this);
    const result = filter.run(value.text, given, this);
    return typeof result === "string" && STAY_MARKUP.has(name) ? new Markup(result) : result;
  }

  test(name: string, value: Value, args: readonly Value[], named: Named): boolean {
    const test = TESTS.get(name);
    if (test) {
      return isTrue(test.run(plain(value), bound(`The test ${name}`, test, args, named), this));
    }
    if (name === "filter") return FILTERS.has(String(value)) || VARIADIC_FILTERS.has(String(value));
    if (name === "test") return TESTS.has(String(value));
    throw new TemplateError(`No test named '${name}'`);
  }

  // Statements

  #write(frame: Frame, text: string): void {
    this.budget.fits(frame.text.length + text.length);
    frame.text += text;
  }

  *#body(body: readonly Statement[], frame: Frame): Making<End> {
    for (const statement of body) {
      this.budget.enter();
      if (this.budget.isTurnOver()) yield;
      const end = yield* this.#statement(statement, frame);
      this.budget.leave();
      if (end !== "done") return end;
    }
    return "done";
  }

  *#statement(statement: Statement, frame: Frame): Making<End> {
    switch (statement.kind) {
      case "text":
        this.#write(frame, statement.text);
        return "done";
      case "print":
        this.#write(frame, str(yield* this.#making(statement.value, frame), this.budget));
        return "done";
      case "if":
        for (const { test, body } of statement.branches) {
          if (isTrue(this.#value(test, frame))) return yield* this.#body(body, frame);
        }
        return yield* this.#body(statement.otherwise, frame);
      case "for":
        this.#write(
          frame,
          yield* this.#loop(statement, yield* this.#making(statement.items, frame), frame.scope, 0),
        );
        return "done";
      case "set":
        this.#assign(statement.target, yield* this.#making(statement.value, frame), frame.scope);
        return "done";
      case "set block": {
        const text = yield* this.#apart(statement.body, frame.scope);
        this.#assign(
          statement.target,
          this.#filtered(text, statement.filters, frame),
          frame.scope,
        );
        return "done";
      }
      case "filter block": {
        const text = yield* this.#apart(statement.body, frame.scope);
        this.#write(frame, str(this.#filtered(text, statement.filters, frame), this.budget));
        return "done";
      }
      case "macro":
        frame.scope.variables.set(statement.macro.name!, this.#macro(statement.macro, frame.scope));
        return "done";
      case "call block": {
        const caller = this.#macro(statement.macro, frame.scope);
        const value = yield* this.#call(statement.call, frame, caller);
        this.#write(frame, str(value, this.budget));
        return "done";
      }
      case "with": {
        const scope = new Scope(frame.scope);
        for (const [target, value] of statement.pairs) {
          this.#assign(target, yield* this.#making(value, frame), scope);
        }
        return yield* this.#inside(statement.body, scope, frame);
      }
      case "scope":
        return yield* this.#inside(statement.body, new Scope(frame.scope), frame);
      case "break":
      case "continue":
        return statement.kind;
      case "unsupported":
        throw new TemplateError(`A chat template has no other templates to ${statement.tag}`);
    }
  }

  /** Runs a body with variables of its own that writes where the frame writes. */
  *#inside(body: readonly Statement[], scope: Scope, frame: Frame): Making<End> {
    const inner: Frame = { scope, text: frame.text };
    const end = yield* this.#body(body, inner);
    frame.text = inner.text;
    return end;
  }

  /** The text of a body. */
  *#apart(body: readonly Statement[], scope: Scope): Making<string> {
    const frame: Frame = { scope: new Scope(scope), text: "" };
    yield* this.#body(body, frame);
    return frame.text;
  }

  *#loop(node: ForNode, items: Value, outer: Scope, depth: number): Making<string> {
    const again = node.isRecursive
      ? (items: Value) => this.#nested(this.#loop(node, items, outer, depth + 1))
      : undefined;
    const chosen = node.test === undefined ? items : yield* this.#chosen(node, items, outer);
    const loop = new Loop(chosen, this.budget, depth, again);
    let text = "";
    for (let item = loop.next(); item !== undefined; item = loop.next()) {
      const scope = new Scope(outer);
      this.#assign(node.target, item, scope);
      // Where a target has the name, it is the target's.
      if (!scope.variables.has("loop")) scope.variables.set("loop", loop);
      const frame: Frame = { scope, text };
      const end = yield* this.#body(node.body, frame);
      text = frame.text;
      if (end === "break") break;
    }
    if (loop.count > 0) return text;
    return yield* this.#apart(node.otherwise, outer);
  }

  /** The items that pass the loop's own condition. */
  *#chosen(node: ForNode, items: Value, outer: Scope): Making<Value[]> {
    const chosen: Value[] = [];
    for (const item of iterate(items, this.budget)) {
      if (this.budget.isTurnOver()) yield;
      const scope = new Scope(outer);
      this.#assign(node.target, item, scope);
      if (isTrue(this.#value(node.test!, { scope, text: "" }))) chosen.push(item);
    }
    return chosen;
  }

  #assign(target: Target, value: Value, scope: Scope): void {
    if (target.kind === "name") {
      scope.variables.set(target.name, value);
      return;
    }
    if (target.kind === "member") {
      const object = scope.get(target.name);
      if (!(object instanceof Namespace)) {
        throw new TemplateError("cannot assign attribute on non-namespace object");
      }
      object.members.set(target.attribute, value);
      return;
    }
    const values = [...iterate(value, this.budget)];
    if (values.length !== target.items.length) {
      const problem = values.length > target.items.length ? "too many" : "not enough";
      throw new TemplateError(`${problem} values to unpack (expected ${target.items.length})`);
    }
    for (const [index, item] of target.items.entries()) this.#assign(item, values[index]!, scope);
  }

  #filtered(text: Value, filters: readonly FilterCall[], frame: Frame): Value {
    for (const { name, args } of filters) {
      const { positional, named } = this.#arguments(args, frame);
      text = this.filter(name, text, positional, named);
    }
    return text;
  }

  // Macros

  #macro(node: MacroNode, scope: Scope): Macro {
    return new Macro(
      node.name ?? "caller",
      (args, named) =>
        this.#nested(this.#apart(node.body, this.#parameters(node, scope, args, named))),
    );
  }

  *#nested<T>(work: Making<T>): Making<T> {
    this.budget.enter();
    if (this.budget.isTurnOver()) yield;
    const result = yield* work;
    this.budget.leave();
    return result;
  }

  #parameters(
    node: MacroNode,
    outer: Scope,
    args: readonly Value[],
    given: Named,
  ): Scope {
    const { parameters, reads } = node;
    const name = node.name ?? "caller";
    const scope = new Scope(outer);
    const named = new Map(given);
    const frame: Frame = { scope, text: "" };
    for (const [index, parameter] of parameters.entries()) {
      const value = index < args.length ? args[index] : named.get(parameter.name);
      if (index >= args.length) named.delete(parameter.name);
      const given = value === undefined && parameter.fallback
        ? this.#value(parameter.fallback, frame)
        : value;
      const missing = () => new Undefined(`parameter '${parameter.name}' was not provided`);
      scope.variables.set(parameter.name, orElse(given, missing));
    }
    if (reads.has("caller")) {
      scope.variables.set(
        "caller",
        orElse(named.get("caller"), () => new Undefined("No caller defined")),
      );
      named.delete("caller");
    }
    if (reads.has("kwargs")) scope.variables.set("kwargs", new Dict(named));
    else if (named.size > 0) {
      throw new TemplateError(
        `macro '${name}' takes no keyword argument '${[...named.keys()][0]}'`,
      );
    }
    if (reads.has("varargs")) {
      scope.variables.set("varargs", new Tuple(args.slice(parameters.length)));
    } else if (args.length > parameters.length) {
      throw new TemplateError(
        `macro '${name}' takes not more than ${parameters.length} argument(s)`,
      );
    }
    return scope;
  }

  // Expressions

  /** The value of an expression that can be interrupted while it calls macros, where templates do so. */
  *#making(node: Expression, frame: Frame): Making<Value> {
    switch (node.kind) {
      case "call": {
        this.budget.enter();
        const value = yield* this.#call(node, frame);
        this.budget.leave();
        return value;
      }
      case "filter":
        return this.#filtered(yield* this.#making(node.value, frame), [node.filter], frame);
      case "arithmetic": {
        const left = yield* this.#making(node.left, frame);
        const right = yield* this.#making(node.right, frame);
        return arithmetic(node.operator, left, right, this.budget);
      }
      case "concatenation": {
        const parts: Value[] = [];
        for (const part of node.parts) parts.push(yield* this.#making(part, frame));
        return this.#concatenated(parts);
      }
    }
    return this.#value(node, frame);
  }

  #value(node: Expression, frame: Frame): Value {
    this.budget.enter();
    const value = this.#evaluate(node, frame);
    this.budget.leave();
    return value;
  }

  #values(nodes: readonly Expression[], frame: Frame): Value[] {
    const values: Value[] = [];
    for (const node of nodes) values.push(this.#value(node, frame));
    return values;
  }

  #evaluate(node: Expression, frame: Frame): Value {
    switch (node.kind) {
      case "constant":
        return node.value;
      case "name":
        return orElse(
          frame.scope.get(node.name),
          () => new Undefined(`'${node.name}' is undefined`),
        );
      case "list":
        return this.#values(node.items, frame);
      case "tuple":
        return new Tuple(this.#values(node.items, frame));
      case "dict": {
        const dict = new Dict();
        for (const [key, value] of node.pairs) {
          const itsKey = this.#value(key, frame);
          if (typeof itsKey === "string") this.budget.read(itsKey.length);
          dict.set(itsKey, this.#value(value, frame));
        }
        return dict;
      }
      case "attribute":
        return attributeOf(this.#value(node.object, frame), node.name, this);
      case "item": {
        const object = this.#value(node.object, frame);
        if (node.key.kind !== "slice") {
          return itemOf(object, this.#value(node.key, frame), this);
        }
        const bounds: (Value | undefined)[] = [];
        for (const bound of [node.key.start, node.key.stop, node.key.step]) {
          bounds.push(bound && this.#value(bound, frame));
        }
        return sliceOf(object, bounds, this);
      }
      case "call":
        return this.budget.held(() => atOnce(this.#call(node, frame)));
      case "filter":
        return this.#filtered(this.#value(node.value, frame), [node.filter], frame);
      case "test": {
        const value = this.#value(node.value, frame);
        const { positional, named } = this.#arguments(node.test.args, frame);
        return this.test(node.test.name, value, positional, named);
      }
      case "not":
        return !isTrue(this.#value(node.value, frame));
      case "negative":
      case "positive":
        return this.#signed(node.kind, this.#value(node.value, frame));
      case "and": {
        const left = this.#value(node.left, frame);
        return isTrue(left) ? this.#value(node.right, frame) : left;
      }
      case "or": {
        const left = this.#value(node.left, frame);
        return isTrue(left) ? left : this.#value(node.right, frame);
      }
      case "arithmetic": {
        const left = this.#value(node.left, frame);
        return arithmetic(node.operator, left, this.#value(node.right, frame), this.budget);
      }
      case "concatenation":
        return this.#concatenated(this.#values(node.parts, frame));
      case "comparison": {
        let left = this.#value(node.left, frame);
        for (const { operator, right } of node.rest) {
          const value = this.#value(right, frame);
          if (!compares(operator, left, value, this.budget)) return false;
          left = value;
        }
        return true;
      }
      case "choice":
        if (isTrue(this.#value(node.test, frame))) {
          return this.#value(node.then, frame);
        }
        if (node.otherwise) return this.#value(node.otherwise, frame);
        return new Undefined("the inline if-expression evaluated to false and has no else");
    }
  }

  #concatenated(parts: readonly Value[]): string {
    let text = "";
    for (const part of parts) {
      text += str(part, this.budget);
      this.budget.fits(text.length);
    }
    return text;
  }

  #signed(kind: "negative" | "positive", value: Value): Value {
    if (value instanceof Undefined) value.fail();
    const number = numeric(value);
    if (number === undefined) {
      throw new TemplateError(`bad operand type for unary: '${typeName(value)}'`);
    }
    if (kind === "negative") return -number;
    return value instanceof ExactFloat ? value : number;
  }

  *#call({ callee, args }: Call, frame: Frame, caller?: Macro): Making<Value> {
    const called = this.#value(callee, frame);
    const { positional, named } = this.#arguments(args, frame);
    if (caller) named.set("caller", caller);
    if (called instanceof Undefined) called.fail();
    if (called instanceof Macro || called instanceof Loop) {
      return yield* called.calling(positional, named);
    }
    if (called instanceof Callable) return called.call(positional, named);
    throw new TemplateError(`'${typeName(called)}' object is not callable`);
  }

  #arguments(args: Arguments, frame: Frame): GivenArguments {
    const positional = this.#values(args.positional, frame);
    const named = new Map<string, Value>();
    for (const [name, value] of args.named) named.set(name, this.#value(value, frame));
    if (args.list) positional.push(...iterate(this.#value(args.list, frame), this.budget));
    if (args.dict) {
      const dict = this.#value(args.dict, frame);
      if (!(dict instanceof Dict)) throw new TemplateError("argument after ** must be a mapping");
      for (const [name, value] of dict.entries()) named.set(str(name, this.budget), value);
    }
    return { positional, named };
  }
}
