import { TemplateError } from "#shared/jinja/errors.ts";
import type { Budget } from "./budget.ts";
import { braceFormat } from "./format.ts";
import { bound, type Machine, type Native, native } from "./machine.ts";
import { compare, equals } from "./operators.ts";
import { STRING_METHODS } from "./strings.ts";
import {
  Callable,
  Dict,
  integer,
  isBasic,
  iterate,
  numeric,
  orElse,
  plain,
  PyObject,
  Range,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from "./values.ts";

function indexOf(items: readonly Value[], value: Value, machine: Machine): number {
  const index = items.findIndex((item) => equals(item, value, machine.budget));
  if (index === -1) throw new TemplateError("the value is not in the list");
  return index;
}

function count(items: readonly Value[], value: Value, machine: Machine): bigint {
  return BigInt(items.filter((item) => equals(item, value, machine.budget)).length);
}

/** Counts that items change their places. */
function moving(items: Value[], budget: Budget): Value[] {
  budget.step(1 + (items.length >> 3));
  return items;
}

// Lists and dicts may be changed: all are the rendering's own, and some models' templates (Kimi-K2)
// queue ids in a list. Jinja2's immutable sandbox refuses it.
const LIST_METHODS: ReadonlyMap<string, Native<Value[]>> = new Map(Object.entries({
  append: native<Value[]>("object!", (items, [item]) => (items.push(item!), null)),
  clear: native("", (items) => (items.length = 0, null)),
  copy: native("", (items, _, { budget }) => (budget.step(items.length), [...items])),
  count: native("value!", (items, [value], machine) => count(items, value!, machine)),
  extend: native("iterable!", (items, [more], { budget }) => {
    for (const item of [...iterate(more!, budget)]) items.push(item);
    return null;
  }),
  index: native("value!", (items, [value], machine) => BigInt(indexOf(items, value!, machine))),
  insert: native("index! object!", (items, [index, item], { budget }) => {
    moving(items, budget).splice(integer(index!), 0, item!);
    return null;
  }),
  pop: native("index", (items, [index], { budget }) => {
    const at = index === undefined ? items.length - 1 : integer(index);
    if (at < -items.length || at >= items.length) throw new TemplateError("pop index out of range");
    if (at === items.length - 1) return items.pop()!;
    return moving(items, budget).splice(at < 0 ? at + items.length : at, 1)[0]!;
  }),
  remove: native("value!", (items, [value], machine) => {
    moving(items, machine.budget).splice(indexOf(items, value!, machine), 1);
    return null;
  }),
  reverse: native("", (items, _, { budget }) => (budget.step(items.length), items.reverse(), null)),
  sort: native("reverse", (items, [reverse], { budget }) => {
    const sign = reverse === true ? -1 : 1;
    items.sort((left, right) => sign * compare(left, right, budget));
    return null;
  }),
}));

const TUPLE_METHODS: ReadonlyMap<string, Native<Tuple>> = new Map(Object.entries({
  count: native<Tuple>("value!", ({ items }, [value], machine) => count(items, value!, machine)),
  index: native("value!", ({ items }, [value], machine) => BigInt(indexOf(items, value!, machine))),
}));

function update(dict: Dict, more: Value, { budget }: Machine): null {
  if (more instanceof Dict) {
    budget.step(2 * more.size);
    for (const [key, value] of more.entries()) dict.set(key, value);
  } else {
    for (const pair of iterate(more, budget)) {
      const [key, value] = [...iterate(pair, budget)];
      if (key === undefined || value === undefined) throw new TemplateError("update() needs pairs");
      dict.set(key, value);
    }
  }
  return null;
}

function taken(dict: Dict, key: Value, fallback: Value | undefined): Value {
  const value = dict.has(key) ? dict.get(key) : fallback;
  if (value === undefined) throw new TemplateError("KeyError: the dict has no such key");
  dict.delete(key);
  return value;
}

const DICT_METHODS: ReadonlyMap<string, Native<Dict>> = new Map(Object.entries({
  clear: native<Dict>("", (dict) => (dict.clear(), null)),
  copy: native("", (dict, _, { budget }) => (budget.step(2 * dict.size), new Dict(dict.entries()))),
  get: native(
    "key! default",
    (dict, [key, fallback]) => orElse(dict.get(key!), () => fallback ?? null),
  ),
  items: native("", (dict) => new View("dict_items", dict)),
  keys: native("", (dict) => new View("dict_keys", dict)),
  pop: native("key! default", (dict, [key, fallback]) => taken(dict, key!, fallback)),
  popitem: native("", (dict, _, { budget }) => {
    budget.step(dict.size);
    const last = [...dict.entries()].at(-1);
    if (!last) throw new TemplateError("KeyError: the dict is empty");
    dict.delete(last[0]);
    return new Tuple(last);
  }),
  setdefault: native("key! default", (dict, [key, fallback]) => {
    if (!dict.has(key!)) dict.set(key!, fallback ?? null);
    return dict.get(key!)!;
  }),
  update: native("other!", (dict, [other], machine) => update(dict, other!, machine)),
  values: native("", (dict) => new View("dict_values", dict)),
}));

/** A method or another member of a value; undefined if it has none of that name. */
function member(object: Value, name: string, machine: Machine): Value | undefined {
  if (typeof object === "string") {
    if (name !== "format") return method(object, name, STRING_METHODS, machine);
    return new Callable((args, named) => braceFormat(object, args, named, machine, machine.budget));
  }
  if (Array.isArray(object)) return method(object, name, LIST_METHODS, machine);
  if (object instanceof Dict) return method(object, name, DICT_METHODS, machine);
  const own = object instanceof PyObject ? object.attribute(name) : undefined;
  if (own !== undefined || !(object instanceof Tuple)) return own;
  return method(object, name, TUPLE_METHODS, machine);
}

function method<T extends Value>(
  object: T,
  name: string,
  methods: ReadonlyMap<string, Native<T>>,
  machine: Machine,
): Value | undefined {
  const found = methods.get(name);
  if (!found) return undefined;
  return new Callable((args, named) => {
    // Calls take more than a step, and each argument may be read.
    machine.budget.step(4);
    if (typeof object === "string") machine.budget.read(object.length);
    for (const given of args) if (typeof given === "string") machine.budget.read(given.length);
    // A keyword of Python's own cannot be given by position.
    const result = found.run(object, bound(`${name}()`, found, args, named), machine);
    if (typeof result === "string") machine.budget.fits(result.length);
    return result;
  });
}

/** `object.name`: a member, or else an item. */
export function attributeOf(object: Value, name: string, machine: Machine): Value {
  if (object instanceof Undefined) object.fail();
  object = plain(object);
  if (/^__.*__$/.test(name)) {
    return new Undefined(`access to attribute '${name}' of '${typeName(object)}' object is unsafe`);
  }
  return orElse(
    member(object, name, machine),
    () => orElse(object instanceof Dict ? object.get(name) : undefined, () => absent(object, name)),
  );
}

/** `object[key]`: an item, or else a member. */
export function itemOf(object: Value, key: Value, machine: Machine): Value {
  if (object instanceof Undefined) object.fail();
  const { budget } = machine;
  [object, key] = [plain(object), plain(key)];
  if (typeof object === "string") {
    budget.read(object.length);
    if (!isBasic(object)) budget.step(object.length);
  }
  if (typeof key === "string") budget.read(key.length);
  const item = indexed(object, key);
  if (item !== undefined) return item;
  if (typeof key !== "string") return absent(object, key);
  const isPrivate = /^__.*__$/.test(key);
  return orElse(isPrivate ? undefined : member(object, key, machine), () => absent(object, key));
}

function indexed(object: Value, key: Value): Value | undefined {
  if (object instanceof Dict) return isHashable(key) ? object.get(key) : undefined;
  const position = numeric(key);
  if (typeof position !== "bigint") return undefined;
  const items = sequence(object);
  if (!items) return undefined;
  const index = position < 0n ? position + BigInt(items.length) : position;
  if (index < 0n || index >= items.length) return undefined;
  return items.at(Number(index));
}

function isHashable(key: Value): boolean {
  if (key instanceof Tuple) return true;
  return key === null || typeof key !== "object" || numeric(key) !== undefined;
}

interface Sequence {
  readonly length: number;
  at(index: number): Value | undefined;
}

function sequence(object: Value): Sequence | undefined {
  if (typeof object === "string") {
    if (!isBasic(object)) return [...object];
    return { length: object.length, at: (index) => object.charAt(index) };
  }
  if (Array.isArray(object)) return object;
  if (object instanceof Tuple) return object.items;
  return object instanceof Range ? object : undefined;
}

function absent(object: Value, key: Value): Undefined {
  const type = object === null ? "None" : `${typeName(object)} object`;
  return new Undefined(
    typeof key === "string"
      ? `'${type}' has no attribute '${key}'`
      : `'${type}' has no element ${numeric(key) ?? typeName(key)}`,
  );
}

/** `object[start:stop:step]` */
export function sliceOf(
  object: Value,
  bounds: readonly (Value | undefined)[],
  machine: Machine,
): Value {
  const { budget } = machine;
  const [start, stop, step] = bounds.map((bound) => bound == null ? undefined : integer(bound));
  if (object instanceof Undefined) object.fail();
  object = plain(object);
  if (typeof object === "string") {
    budget.read(object.length);
    if (isBasic(object) && (step === undefined || step === 1)) return object.slice(start, stop);
    const characters = [...object];
    budget.step(characters.length);
    return picked(characters, start, stop, step).join("");
  }
  const items = Array.isArray(object)
    ? object
    : object instanceof Tuple
    ? object.items
    : object instanceof Range
    ? [...iterate(object, budget)]
    : undefined;
  if (!items) return new Undefined(`'${typeName(object)}' object is not subscriptable`);
  budget.step(items.length);
  const result = picked(items, start, stop, step);
  return object instanceof Tuple ? new Tuple(result) : result;
}

function picked<T>(
  items: readonly T[],
  start: number | undefined,
  stop: number | undefined,
  step = 1,
): T[] {
  if (step === 1) return items.slice(start, stop);
  if (step === 0) throw new TemplateError("slice step cannot be zero");
  const { length } = items;
  const clamp = (index: number) => {
    const from = index < 0 ? index + length : index;
    return step > 0
      ? Math.min(Math.max(from, 0), length)
      : Math.min(Math.max(from, -1), length - 1);
  };
  const first = start === undefined ? (step > 0 ? 0 : length - 1) : clamp(start);
  const end = stop === undefined ? (step > 0 ? length : -1) : clamp(stop);
  const result: T[] = [];
  for (let at = first; step > 0 ? at < end : at > end; at += step) result.push(items[at]!);
  return result;
}
