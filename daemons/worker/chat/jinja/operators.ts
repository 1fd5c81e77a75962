import type { ArithmeticOperator, Comparison } from "#shared/jinja/ast.ts";
import { TemplateError } from "#shared/jinja/errors.ts";
import type { Budget } from "./budget.ts";
import { percentFormat } from "./format.ts";
import { escaped } from "./text.ts";
import {
  Dict,
  isBasic,
  iterate,
  Markup,
  Namespace,
  numeric,
  plain,
  Range,
  size,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from "./values.ts";

/** Arithmetic as Python has it. */
export function arithmetic(
  operator: ArithmeticOperator,
  left: Value,
  right: Value,
  budget: Budget,
): Value {
  if (left instanceof Undefined) {
    if (!(operator === "%" && typeof right === "string")) left.fail();
  }
  if (left instanceof Markup || right instanceof Markup) {
    if (operator !== "+") return arithmetic(operator, plain(left), plain(right), budget);
    if (typeof left === "string" || typeof right === "string" || isMarkup(left, right)) {
      const sum = escaped(left, budget).text + escaped(right, budget).text;
      budget.fits(sum.length);
      return new Markup(sum);
    }
  }
  if (operator === "%" && typeof left === "string") return percentFormat(left, right, budget);
  if (right instanceof Undefined) right.fail();
  const [a, b] = [numeric(left), numeric(right)];
  if (a !== undefined && b !== undefined) return calculate(operator, a, b, budget);
  if (operator === "+") {
    if (typeof left === "string" && typeof right === "string") {
      budget.fits(left.length + right.length);
      return left + right;
    }
    if (Array.isArray(left) && Array.isArray(right)) {
      budget.step(left.length + right.length);
      return [...left, ...right];
    }
    if (left instanceof Tuple && right instanceof Tuple) {
      budget.step(left.items.length + right.items.length);
      return new Tuple([...left.items, ...right.items]);
    }
    if (typeof left === "string") {
      throw new TemplateError(`can only concatenate str (not "${typeName(right)}") to str`);
    }
  }
  if (operator === "*") {
    const times = typeof b === "bigint" ? b : a;
    const repeated = typeof b === "bigint" ? left : right;
    if (typeof times === "bigint") {
      const result = repeat(repeated, times, budget);
      if (result !== undefined) return result;
    }
  }
  throw new TemplateError(
    `unsupported operand type(s) for ${operator}: '${typeName(left)}' and '${typeName(right)}'`,
  );
}

function isMarkup(...values: readonly Value[]): boolean {
  return values.every((value) => value instanceof Markup);
}

function repeat(value: Value, times: bigint, budget: Budget): Value | undefined {
  const count = times < 0n ? 0 : Number(times);
  if (typeof value === "string") {
    budget.write(value.length * count);
    return value.repeat(value === "" ? 0 : count);
  }
  const items = Array.isArray(value) ? value : value instanceof Tuple ? value.items : undefined;
  if (!items) return undefined;
  budget.step(items.length * count);
  const repeated: Value[] = [];
  const total = items.length * count;
  for (let at = 0; at < total; at++) repeated.push(items[at % items.length]!);
  return value instanceof Tuple ? new Tuple(repeated) : repeated;
}

function calculate(
  operator: ArithmeticOperator,
  a: bigint | number,
  b: bigint | number,
  budget: Budget,
): bigint | number {
  if (typeof a === "bigint" && typeof b === "bigint") return integers(operator, a, b, budget);
  return floats(operator, Number(a), Number(b));
}

function integers(operator: ArithmeticOperator, a: bigint, b: bigint, budget: Budget) {
  if (a > LONG || a < -LONG) budget.step(LONG_STEPS);
  switch (operator) {
    case "+":
      return budget.integer(a + b);
    case "-":
      return budget.integer(a - b);
    case "*":
      return budget.integer(a * b);
    case "**":
      return b < 0n ? floats(operator, Number(a), Number(b)) : budget.power(a, b);
    case "/":
      return floats(operator, Number(a), Number(b));
  }
  if (b === 0n) throw new TemplateError("integer division or modulo by zero");
  const remainder = a % b;
  const isOff = remainder !== 0n && (remainder < 0n) !== (b < 0n);
  if (operator === "%") return isOff ? remainder + b : remainder;
  return isOff ? a / b - 1n : a / b;
}

/** Integers beyond this take more steps. */
const LONG = 1n << 256n;
const LONG_STEPS = 32;

function floats(operator: ArithmeticOperator, a: number, b: number): number {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "**":
      return a ** b;
  }
  if (b === 0) throw new TemplateError("division by zero");
  if (operator === "/") return a / b;
  if (operator === "//") return Math.floor(a / b);
  const remainder = a % b;
  return remainder !== 0 && (remainder < 0) !== (b < 0) ? remainder + b : remainder;
}

/** Compares two values with one operator. */
export function compares(
  operator: Comparison,
  left: Value,
  right: Value,
  budget: Budget,
): boolean {
  switch (operator) {
    case "==":
      return equals(left, right, budget);
    case "!=":
      return !equals(left, right, budget);
    case "in":
      return contains(right, left, budget);
    case "not in":
      return !contains(right, left, budget);
  }
  const order = compare(left, right, budget, operator);
  if (Number.isNaN(order)) return false;
  if (operator === "<") return order < 0;
  if (operator === "<=") return order <= 0;
  return operator === ">" ? order > 0 : order >= 0;
}

/** Whether two values are equal. */
export function equals(left: Value, right: Value, budget: Budget): boolean {
  budget.enter();
  try {
    return areEqual(plain(left), plain(right), budget);
  } finally {
    budget.leave();
  }
}

function areEqual(left: Value, right: Value, budget: Budget): boolean {
  if (typeof left === "string" && typeof right === "string") {
    if (left.length === right.length) budget.read(left.length);
    return left === right;
  }
  const [a, b] = [numeric(left), numeric(right)];
  if (a !== undefined && b !== undefined) return a == b;
  const [some, others] = [sequence(left), sequence(right)];
  if (some && others) {
    return Array.isArray(left) === Array.isArray(right) && some.length === others.length &&
      some.every((item, index) => equals(item, others[index]!, budget));
  }
  if (left instanceof Dict && right instanceof Dict) {
    if (left.size !== right.size) return false;
    for (const [key, value] of left.entries()) {
      const other = right.get(key);
      if (other === undefined || !equals(value, other, budget)) return false;
    }
    return true;
  }
  if (left instanceof Range && right instanceof Range) {
    return left.length === right.length &&
      (left.length === 0 || left.start === right.start && left.at(1) === right.at(1));
  }
  return left === right || left instanceof Undefined && right instanceof Undefined;
}

function sequence(value: Value): readonly Value[] | undefined {
  if (Array.isArray(value)) return value;
  return value instanceof Tuple ? value.items : undefined;
}

/** The order of two values: negative, zero or positive. */
export function compare(left: Value, right: Value, budget: Budget, operator = "<"): number {
  budget.enter();
  budget.step();
  try {
    return order(plain(left), plain(right), budget, operator);
  } finally {
    budget.leave();
  }
}

function order(left: Value, right: Value, budget: Budget, operator: string): number {
  if (left instanceof Undefined) left.fail();
  if (right instanceof Undefined) right.fail();
  const [a, b] = [numeric(left), numeric(right)];
  if (a !== undefined && b !== undefined) return a < b ? -1 : a > b ? 1 : a == b ? 0 : NaN;
  if (typeof left === "string" && typeof right === "string") {
    budget.read(Math.min(left.length, right.length));
    return compareTexts(left, right);
  }
  const [some, others] = [sequence(left), sequence(right)];
  if (some && others && Array.isArray(left) === Array.isArray(right)) {
    for (const [index, item] of some.entries()) {
      if (index >= others.length) break;
      if (!equals(item, others[index]!, budget)) {
        return compare(item, others[index]!, budget, operator);
      }
    }
    return some.length - others.length;
  }
  throw new TemplateError(
    `'${operator}' not supported between instances of '${typeName(left)}' and '${typeName(right)}'`,
  );
}

/** Compares by characters, where JavaScript compares by UTF-16 units. */
function compareTexts(left: string, right: string): number {
  if (isBasic(left) && isBasic(right)) return left < right ? -1 : left > right ? 1 : 0;
  const others = [...right];
  let at = 0;
  for (const character of left) {
    const other = others[at++];
    if (other === undefined) return 1;
    if (character !== other) return character.codePointAt(0)! - other.codePointAt(0)!;
  }
  return at - others.length;
}

/** Whether a container has an item, a key or a part of a text. */
export function contains(container: Value, item: Value, budget: Budget): boolean {
  [container, item] = [plain(container), plain(item)];
  if (typeof container === "string") {
    if (item instanceof Undefined) item.fail();
    if (typeof item !== "string") {
      throw new TemplateError(
        `'in <string>' requires string as left operand, not ${typeName(item)}`,
      );
    }
    budget.step(1 + (container.length >> 3));
    return container.includes(item);
  }
  if (typeof item === "string" && (container instanceof Dict || container instanceof View)) {
    budget.read(item.length);
  }
  if (container instanceof Dict) return container.has(item);
  if (container instanceof View && container.type === "dict_keys") return container.dict.has(item);
  if (
    container instanceof Namespace ||
    size(container) === undefined && numeric(container) !== undefined
  ) {
    throw new TemplateError(`argument of type '${typeName(container)}' is not iterable`);
  }
  for (const other of iterate(container, budget)) if (equals(other, item, budget)) return true;
  return false;
}
