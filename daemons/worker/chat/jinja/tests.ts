import type { Comparison } from "#shared/jinja/ast.ts";
import { type Native, native } from "./machine.ts";
import { compares, contains } from "./operators.ts";
import { isLower, isUpper } from "./strings.ts";
import { str } from "./text.ts";
import {
  Callable,
  Dict,
  ExactFloat,
  isIterable,
  Macro,
  numeric,
  Range,
  Tuple,
  Undefined,
  type Value,
} from "./values.ts";
import { arithmetic } from "./operators.ts";
import type { Budget } from "./budget.ts";

const is = (check: (value: Value, budget: Budget) => boolean) =>
  native<Value>("", (value, _, { budget }) => check(value, budget));
const comparing = (operator: Comparison) =>
  native<Value>(
    "other!",
    (value, [other], { budget }) => compares(operator, value, other!, budget),
  );
const remainder = (value: Value, by: Value, budget: Budget) =>
  numeric(arithmetic("%", value, by, budget));

function isSequence(value: Value): boolean {
  return typeof value === "string" || Array.isArray(value) || value instanceof Tuple ||
    value instanceof Dict || value instanceof Range || value instanceof Undefined;
}

/** Jinja2's tests: what stands after `is`. */
export const TESTS: ReadonlyMap<string, Native<Value>> = new Map(Object.entries({
  boolean: is((value) => typeof value === "boolean"),
  callable: is((value) => value instanceof Callable || value instanceof Macro),
  defined: is((value) => !(value instanceof Undefined)),
  divisibleby: native<Value>(
    "num!",
    (value, [by], { budget }) => remainder(value, by!, budget) == 0,
  ),
  eq: comparing("=="),
  equalto: comparing("=="),
  "==": comparing("=="),
  escaped: is(() => false),
  even: is((value, budget) => remainder(value, 2n, budget) == 0),
  false: is((value) => value === false),
  float: is((value) => typeof value === "number" || value instanceof ExactFloat),
  ge: comparing(">="),
  ">=": comparing(">="),
  greaterthan: comparing(">"),
  gt: comparing(">"),
  ">": comparing(">"),
  in: native<Value>("seq!", (value, [items], { budget }) => contains(items!, value, budget)),
  integer: is((value) => typeof value === "bigint"),
  iterable: is((value) => isIterable(value)),
  le: comparing("<="),
  "<=": comparing("<="),
  lessthan: comparing("<"),
  lower: is((value, budget) => isLower(str(value, budget))),
  lt: comparing("<"),
  "<": comparing("<"),
  mapping: is((value) => value instanceof Dict),
  ne: comparing("!="),
  "!=": comparing("!="),
  none: is((value) => value === null),
  number: is((value) => numeric(value) !== undefined),
  odd: is((value, budget) => remainder(value, 2n, budget) == 1),
  sameas: native<Value>("other!", (value, [other]) => value === other),
  sequence: is(isSequence),
  string: is((value) => typeof value === "string"),
  true: is((value) => value === true),
  undefined: is((value) => value instanceof Undefined),
  upper: is((value, budget) => isUpper(str(value, budget))),
}));
