/**
 * Values of templates, with Python's types: `bigint` is int, `number` is float, an array is a list.
 * No other JavaScript object is a value, so that a template never reaches a prototype.
 *
 * @module
 */
import type { Making } from "#shared/in_turns.ts";
import { TemplateError } from "#shared/jinja/errors.ts";
import type { Budget } from "./budget.ts";

export type Value = null | boolean | bigint | number | string | Value[] | PyObject;

/** A value with a type of its own. */
export abstract class PyObject {
  abstract readonly type: string;

  /** A member that templates may read. */
  attribute(_name: string): Value | undefined {
    return undefined;
  }
}

/** What a template reads where there is nothing. */
export class Undefined extends PyObject {
  readonly type = "Undefined";
  readonly #reason: string;

  constructor(reason: string) {
    super();
    this.#reason = reason;
  }

  /** @throws {TemplateError} always */
  fail(): never {
    throw new TemplateError(this.#reason);
  }
}

/** A float whose text says more than a double can hold. */
export class ExactFloat extends PyObject {
  readonly type = "float";
  readonly text: string;

  constructor(text: string) {
    super();
    this.text = text;
  }

  get value(): number {
    return Number(this.text);
  }
}

/** A text that counts as escaped: what is added to it is escaped, although templates escape nothing. */
export class Markup extends PyObject {
  readonly type = "Markup";
  readonly text: string;

  constructor(text: string) {
    super();
    this.text = text;
  }
}

/** The value, markup as the text that it is. */
export function plain(value: Value): Value {
  return value instanceof Markup ? value.text : value;
}

export class Tuple extends PyObject {
  readonly type: string = "tuple";
  readonly items: readonly Value[];

  constructor(items: readonly Value[]) {
    super();
    this.items = items;
  }
}

/** An item of the filter `groupby`. */
export class Group extends Tuple {
  override attribute(name: string): Value | undefined {
    return name === "grouper" ? this.items[0] : name === "list" ? this.items[1] : undefined;
  }
}

type Key = null | bigint | number | string | symbol;

/** A dict in the order of its keys. */
export class Dict extends PyObject {
  readonly type = "dict";
  readonly #entries = new Map<Key, readonly [Value, Value]>();

  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    super();
    for (const [key, value] of entries) this.set(key, value);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Value): Value | undefined {
    return this.#entries.get(hashed(key))?.[1];
  }

  has(key: Value): boolean {
    return this.#entries.has(hashed(key));
  }

  set(key: Value, value: Value): void {
    const hash = hashed(key);
    this.#entries.set(hash, [this.#entries.get(hash)?.[0] ?? key, value]);
  }

  delete(key: Value): boolean {
    return this.#entries.delete(hashed(key));
  }

  clear(): void {
    this.#entries.clear();
  }

  entries(): IterableIterator<readonly [Value, Value]> {
    return this.#entries.values();
  }

  *keys(): IterableIterator<Value> {
    for (const [key] of this.#entries.values()) yield key;
  }

  *values(): IterableIterator<Value> {
    for (const [, value] of this.#entries.values()) yield value;
  }
}

/** Most parts of a tuple that is a key, those of the tuples in it included. */
const MOST_PARTS = 1_000;

/** Values that are equal in Python have the same key. */
export function hashed(value: Value): Key {
  return keyOf(value, { left: MOST_PARTS });
}

function keyOf(value: Value, parts: { left: number }): Key {
  if (typeof value === "boolean") return value ? 1n : 0n;
  if (value instanceof ExactFloat) return keyOf(value.value, parts);
  if (value instanceof Markup) return value.text;
  if (typeof value === "number" && Number.isInteger(value)) return BigInt(value);
  if (value === null || typeof value !== "object") return value;
  if (value instanceof Tuple) {
    parts.left -= value.items.length;
    if (parts.left < 0) {
      throw new TemplateError(`A key of a dict has more than ${MOST_PARTS} parts`);
    }
    const texts = value.items.map((item) => {
      const key = keyOf(item, parts);
      return typeof key === "symbol"
        ? key.description
        : `${typeof key} ${String(key).length} ${String(key)}`;
    });
    return Symbol.for(`(${texts.join(",")})`);
  }
  throw new TemplateError(`unhashable type: '${typeName(value)}'`);
}

/** What `keys()`, `values()` and `items()` of a dict give. */
export class View extends PyObject {
  readonly type: "dict_keys" | "dict_values" | "dict_items";
  readonly dict: Dict;

  constructor(type: View["type"], dict: Dict) {
    super();
    this.type = type;
    this.dict = dict;
  }

  *[Symbol.iterator](): Generator<Value> {
    if (this.type === "dict_keys") yield* this.dict.keys();
    else if (this.type === "dict_values") yield* this.dict.values();
    else for (const entry of this.dict.entries()) yield new Tuple(entry);
  }
}

export class Range extends PyObject {
  readonly type = "range";
  readonly start: bigint;
  readonly stop: bigint;
  readonly stride: bigint;

  constructor(start: bigint, stop: bigint, stride: bigint) {
    super();
    if (stride === 0n) throw new TemplateError("range() arg 3 must not be zero");
    this.start = start;
    this.stop = stop;
    this.stride = stride;
    // The bound of Jinja2's sandbox.
    if (this.length > 100_000) throw new TemplateError("Range too big");
  }

  get length(): number {
    const { start, stop, stride } = this;
    const span = stride > 0n ? stop - start : start - stop;
    const step = stride > 0n ? stride : -stride;
    return span <= 0n ? 0 : Number((span + step - 1n) / step);
  }

  at(index: number): bigint {
    return this.start + this.stride * BigInt(index);
  }
}

/** Items that can be read once: what filters such as `map` give. */
export class Lazy extends PyObject {
  readonly type = "generator";
  readonly items: Iterator<Value>;

  constructor(items: Iterator<Value>) {
    super();
    this.items = items;
  }
}

/** A `namespace()`, the one object whose members a template may set. */
export class Namespace extends PyObject {
  readonly type = "Namespace";
  readonly members = new Map<string, Value>();

  override attribute(name: string): Value | undefined {
    return this.members.get(name);
  }
}

export type Named = ReadonlyMap<string, Value>;

/** A function or a method. */
export class Callable extends PyObject {
  readonly type: string = "function";
  readonly call: (args: readonly Value[], named: Named) => Value;

  constructor(call: Callable["call"]) {
    super();
    this.call = call;
  }
}

/** What calls a macro, in which it can be interrupted. */
export type Calling = (args: readonly Value[], named: Named) => Making<Value>;

/** A function that a template defines. */
export class Macro extends PyObject {
  readonly type = "Macro";
  readonly calling: Calling;
  readonly #name: string;

  constructor(name: string, calling: Calling) {
    super();
    this.#name = name;
    this.calling = calling;
  }

  override attribute(name: string): Value | undefined {
    return name === "name" ? this.#name : undefined;
  }
}

/** A value, or another where there is none. `null` is a value: None. */
export function orElse(value: Value | undefined, otherwise: () => Value): Value {
  return value === undefined ? otherwise() : value;
}

export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  if (Array.isArray(value)) return "list";
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return "float";
    case "string":
      return "str";
  }
  return value.type;
}

/** Whether a value counts as true. */
export function isTrue(value: Value): boolean {
  if (value === null || typeof value !== "object") return Boolean(value);
  if (value instanceof Undefined) return false;
  if (value instanceof ExactFloat) return value.value !== 0;
  return (size(value) ?? 1) > 0;
}

/** Number of items or characters; undefined if the value has no length. */
export function size(value: Value): number | undefined {
  if (value instanceof Markup) return size(value.text);
  if (typeof value === "string") return isBasic(value) ? value.length : [...value].length;
  if (Array.isArray(value) || value instanceof Range) return value.length;
  if (value instanceof Tuple) return value.items.length;
  if (value instanceof Dict) return value.size;
  if (value instanceof View) return value.dict.size;
  return value instanceof Undefined ? 0 : undefined;
}

/** Whether a value can be iterated. */
export function isIterable(value: Value): boolean {
  return value instanceof Lazy || size(value) !== undefined;
}

/**
 * The items of a value, each counted.
 * @throws {TemplateError} if it has none
 */
export function* iterate(value: Value, budget: Budget): Generator<Value> {
  for (const item of source(value)) {
    budget.step();
    yield item;
  }
}

function source(value: Value): Iterable<Value> {
  if (value instanceof Markup) return value.text;
  if (Array.isArray(value) || typeof value === "string" || value instanceof View) return value;
  if (value instanceof Tuple) return value.items;
  if (value instanceof Dict) return value.keys();
  if (value instanceof Range) return rangeItems(value);
  if (value instanceof Lazy) {
    return { [Symbol.iterator]: () => ({ next: () => value.items.next() }) };
  }
  if (value instanceof Undefined) return [];
  throw new TemplateError(`'${typeName(value)}' object is not iterable`);
}

function* rangeItems(range: Range): Generator<Value> {
  for (let index = 0; index < range.length; index++) yield range.at(index);
}

/** Whether each character of a text is one UTF-16 unit, so that it can be indexed as Python does. */
export function isBasic(text: string): boolean {
  return !/[\ud800-\udfff]/.test(text);
}

/** A number as such; undefined for all else. A bool is a number. */
export function numeric(value: Value): bigint | number | undefined {
  if (typeof value === "bigint" || typeof value === "number") return value;
  if (typeof value === "boolean") return value ? 1n : 0n;
  return value instanceof ExactFloat ? value.value : undefined;
}

/** An integer that is an argument. */
export function integer(value: Value): number {
  const number = numeric(value);
  if (typeof number === "bigint") return Number(number);
  if (value instanceof Undefined) value.fail();
  throw new TemplateError(`'${typeName(value)}' object cannot be interpreted as an integer`);
}

/** A text that is an argument. */
export function text(value: Value): string {
  if (value instanceof Markup) return value.text;
  if (typeof value === "string") return value;
  if (value instanceof Undefined) value.fail();
  throw new TemplateError(`expected str, found ${typeName(value)}`);
}
