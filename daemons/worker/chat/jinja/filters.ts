import { TemplateError } from "#shared/jinja/errors.ts";
import type { Budget } from "./budget.ts";
import { percentFormat } from "./format.ts";
import { toJson } from "./json.ts";
import { type Machine, type Native, native } from "./machine.ts";
import { floatOf, round, toInteger } from "./numbers.ts";
import { arithmetic, compare, equals } from "./operators.ts";
import { capitalize, join, lines, replace, STRING_METHODS, strip, upperCase } from "./strings.ts";
import { changed, escaped, repr, str } from "./text.ts";
import {
  Dict,
  Group,
  hashed,
  integer,
  isBasic,
  isIterable,
  isTrue,
  iterate,
  Lazy,
  Markup,
  type Named,
  numeric,
  orElse,
  PyObject,
  size,
  text,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from "./values.ts";

/** Reads an attribute such as `a.b.0` of an item. */
type Getter = (item: Value) => Value;

function getter(attribute: Value | undefined, machine: Machine, fallback?: Value): Getter {
  const keys: Value[] = attribute == null
    ? []
    : typeof attribute !== "string"
    ? [attribute]
    : attribute.split(".").map((key) => /^\d+$/.test(key) ? BigInt(key) : key);
  return (item) => {
    for (const key of keys) {
      item = machine.item(item, key);
      if (item instanceof Undefined && fallback != null) item = fallback;
    }
    return item;
  };
}

const ignoreCase = (value: Value) => typeof value === "string" ? value.toLowerCase() : value;

function keyOf(
  attribute: Value | undefined,
  caseSensitive: Value | undefined,
  machine: Machine,
  fallback?: Value,
): Getter {
  const get = getter(attribute, machine, fallback);
  return caseSensitive !== undefined && isTrue(caseSensitive)
    ? get
    : (item) => ignoreCase(get(item));
}

/** The items in the order of their keys; equal ones stay in their order. */
function sorted<T>(
  items: readonly T[],
  key: (item: T) => Value,
  reverse: Value | undefined,
  budget: Budget,
): T[] {
  const sign = reverse !== undefined && isTrue(reverse) ? -1 : 1;
  budget.step(4 * items.length);
  const keyed = items.map((item) => [key(item), item] as const);
  keyed.sort(([left], [right]) => sign * compare(left, right, budget));
  return keyed.map(([, item]) => item);
}

function all(value: Value, { budget }: Machine): Value[] {
  return [...iterate(value, budget)];
}

function extreme(sign: 1 | -1): Native<Value> {
  return native("case_sensitive attribute", (value, [caseSensitive, attribute], machine) => {
    const key = keyOf(attribute, caseSensitive, machine);
    let best: Value | undefined;
    for (const item of iterate(value, machine.budget)) {
      const isBetter = best === undefined ||
        sign * compare(key(item), key(best), machine.budget) < 0;
      if (isBetter) best = item;
    }
    return orElse(best, () => new Undefined("No aggregated item, sequence was empty."));
  });
}

const lower: Native<Value> = native("", (value, _, { budget }) => str(value, budget).toLowerCase());

const fallbackTo: Native<Value> = native(
  "default_value boolean",
  (value, [fallback = "", boolean]) => {
    const isAbsent = value instanceof Undefined ||
      boolean !== undefined && isTrue(boolean) && !isTrue(value);
    return isAbsent ? fallback : value;
  },
);

const length: Native<Value> = native("", (value, _, { budget }) => {
  if (typeof value === "string") {
    budget.read(value.length);
    if (!isBasic(value)) budget.step(value.length);
  }
  const found = size(value);
  if (found === undefined) {
    throw new TemplateError(`object of type '${typeName(value)}' has no len()`);
  }
  return BigInt(found);
});

const escape: Native<Value> = native("", (value, _, { budget }) => escaped(value, budget));

function indent(value: Value, args: readonly (Value | undefined)[], { budget }: Machine): string {
  const [width = 4n, first, blank] = args;
  const isBlank = blank !== undefined && isTrue(blank);
  const isFirst = first !== undefined && isTrue(first);
  const found = lines(`${text(value)}\n`, false, budget);
  const isIndented = (line: string, index: number) =>
    index === 0 ? isFirst : line !== "" || isBlank;
  const count = found.filter(isIndented).length;
  const size = typeof width === "string" ? width.length : Math.max(integer(width), 0);
  budget.write(text(value).length + (count > 0 ? count * size : 0));
  if (count === 0) return found.join("\n");
  const indentation = typeof width === "string" ? width : " ".repeat(size);
  return found.map((line, index) => isIndented(line, index) ? indentation + line : line).join("\n");
}

function reversed(value: Value, machine: Machine): Value {
  if (typeof value === "string") {
    machine.budget.step(value.length);
    return [...value].reverse().join("");
  }
  if (!isIterable(value)) throw new TemplateError("argument must be iterable");
  return new Lazy(all(value, machine).reverse().values());
}

function* mapped(
  value: Value,
  args: readonly Value[],
  named: Named,
  machine: Machine,
): Generator<Value> {
  if (!isTrue(value)) return;
  const attribute = named.get("attribute");
  const [name, ...rest] = args;
  if (name === undefined && attribute === undefined) {
    throw new TemplateError("map requires a filter argument");
  }
  const change = name === undefined
    ? getter(attribute, machine, named.get("default"))
    : (item: Value) => machine.filter(text(name), item, rest, named);
  for (const item of iterate(value, machine.budget)) yield change(item);
}

function* selected(
  value: Value,
  args: readonly Value[],
  named: Named,
  machine: Machine,
  { byAttribute, wanted }: Selection,
): Generator<Value> {
  if (!isTrue(value)) return;
  if (byAttribute && args.length === 0) {
    throw new TemplateError("Missing parameter for attribute name");
  }
  const get = byAttribute ? getter(args[0], machine) : (item: Value) => item;
  const [name, ...rest] = byAttribute ? args.slice(1) : args;
  const test = name === undefined
    ? isTrue
    : (item: Value) => machine.test(text(name), item, rest, named);
  for (const item of iterate(value, machine.budget)) if (test(get(item)) === wanted) yield item;
}

interface Selection {
  readonly byAttribute: boolean;
  readonly wanted: boolean;
}

function* unique(value: Value, key: Getter, budget: Budget): Generator<Value> {
  const seen = new Set<ReturnType<typeof hashed>>();
  for (const item of iterate(value, budget)) {
    budget.step(2);
    const hash = hashed(key(item));
    if (seen.has(hash)) continue;
    seen.add(hash);
    yield item;
  }
}

function* batches(
  value: Value,
  count: number,
  fill: Value | undefined,
  budget: Budget,
): Generator<Value> {
  let batch: Value[] = [];
  for (const item of iterate(value, budget)) {
    if (batch.length === count) {
      yield batch;
      batch = [];
    }
    batch.push(item);
  }
  if (batch.length === 0) return;
  if (fill != null && batch.length < count) {
    budget.step(count - batch.length);
    while (batch.length < count) batch.push(fill);
  }
  yield batch;
}

function* slices(
  items: Value[],
  count: number,
  fill: Value | undefined,
  budget: Budget,
): Generator<Value> {
  const [each, more] = [Math.floor(items.length / count), items.length % count];
  let at = 0;
  if (count > 0) budget.step(count);
  for (let index = 0; index < count; index++) {
    const length = each + (index < more ? 1 : 0);
    const slice = items.slice(at, at += length);
    if (fill != null && index >= more) slice.push(fill);
    yield slice;
  }
}

function groups(value: Value, key: Getter, shown: Getter, machine: Machine): Value[] {
  const found: { key: Value; items: Value[] }[] = [];
  for (const item of sorted(all(value, machine), key, undefined, machine.budget)) {
    const itsKey = key(item);
    const last = found.at(-1);
    if (last && equals(last.key, itsKey, machine.budget)) last.items.push(item);
    else found.push({ key: itsKey, items: [item] });
  }
  return found.map(({ items }) => new Group([shown(items[0]!), items]));
}

function truncate(
  value: string,
  length: number,
  cuts: boolean,
  end: string,
  leeway: number,
): string {
  const characters = [...value];
  if (characters.length <= length + leeway) return value;
  const kept = characters.slice(0, Math.max(length - [...end].length, 0)).join("");
  const space = kept.lastIndexOf(" ");
  return (cuts || space === -1 ? kept : kept.slice(0, space)) + end;
}

function json(value: Value, args: readonly (Value | undefined)[], { budget }: Machine): string {
  const [ascii, indent, separators, sortKeys] = args;
  const [between, colon] = separators == null
    ? [indent == null ? ", " : ",", ": "]
    : [...iterate(separators, budget)].map(text);
  return toJson(value, {
    ascii: ascii !== undefined && isTrue(ascii),
    indent: indent == null
      ? undefined
      : typeof indent === "string"
      ? { text: indent, times: 1 }
      : { text: " ", times: Math.max(integer(indent), 0) },
    between: between ?? ", ",
    colon: colon ?? ": ",
    sorted: sortKeys !== undefined && isTrue(sortKeys),
    compare: (left, right) => compare(left, right, budget),
  }, budget);
}

/** A text whose words will be apart, each character counted as if it were one. */
function wordwise(value: Value, budget: Budget): string {
  const words = str(value, budget);
  budget.step(words.length);
  return words;
}

const TITLE_BREAK = /([-\s({[<]+)/;

/** Jinja2's filters, with `tojson` as transformers has it. */
export const FILTERS: ReadonlyMap<string, Native<Value>> = new Map(Object.entries({
  abs: native<Value>("", (value) => {
    const number = numeric(value);
    if (number === undefined) {
      throw new TemplateError(`bad operand type for abs(): '${typeName(value)}'`);
    }
    return number < 0 ? -number : number;
  }),
  attr: native<Value>("name!", (value, [name], machine) => {
    if (value instanceof Dict) {
      return new Undefined(`'dict object' has no attribute '${text(name!)}'`);
    }
    return machine.attribute(value, text(name!));
  }),
  batch: native<Value>(
    "linecount! fill_with",
    (value, [count, fill], { budget }) => new Lazy(batches(value, integer(count!), fill, budget)),
  ),
  capitalize: native<Value>("", (value, _, { budget }) => capitalize(str(value, budget))),
  center: native<Value>(
    "width",
    (value, [width = 80n], machine) =>
      STRING_METHODS.get("center")!.run(str(value, machine.budget), [width], machine),
  ),
  count: length,
  d: fallbackTo,
  default: fallbackTo,
  dictsort: native<Value>(
    "case_sensitive by reverse",
    (value, [caseSensitive, by = "key", reverse], machine) => {
      if (!(value instanceof Dict)) {
        if (value instanceof Undefined) value.fail();
        throw new TemplateError(`'${typeName(value)}' object has no attribute 'items'`);
      }
      if (by !== "key" && by !== "value") {
        throw new TemplateError('You can only sort by either "key" or "value"');
      }
      const key = keyOf(by === "key" ? 0n : 1n, caseSensitive, machine);
      return sorted(all(new View("dict_items", value), machine), key, reverse, machine.budget);
    },
  ),
  e: escape,
  escape,
  first: native<Value>("", (value, _, { budget }) => {
    for (const item of iterate(value, budget)) return item;
    return new Undefined("No first item, sequence was empty.");
  }),
  float: native<Value>("default", (value, [fallback = 0]) => floatOf(value) ?? fallback),
  forceescape: escape,
  groupby: native<Value>(
    "attribute! default case_sensitive",
    (value, [attribute, fallback, caseSensitive], machine) =>
      groups(
        value,
        keyOf(attribute, caseSensitive, machine, fallback),
        getter(attribute, machine, fallback),
        machine,
      ),
  ),
  indent: native<Value>("width first blank", indent),
  int: native<Value>(
    "default base",
    (value, [fallback = 0n, base = 10n], { budget }) =>
      toInteger(value, fallback, integer(base), budget),
  ),
  items: native<Value>("", (value) => {
    if (value instanceof Undefined) return new Lazy([].values());
    if (!(value instanceof Dict)) {
      throw new TemplateError("Can only get item pairs from a mapping.");
    }
    return new Lazy(new View("dict_items", value)[Symbol.iterator]());
  }),
  join: native<Value>("d attribute", (value, [separator = "", attribute], machine) => {
    const { budget } = machine;
    const get = getter(attribute, machine);
    const texts = function* () {
      for (const item of iterate(value, budget)) yield str(get(item), budget);
    };
    return join(str(separator, budget), texts(), budget);
  }),
  last: native<Value>("", (value, _, machine) => {
    if (value instanceof Lazy) throw new TemplateError("'generator' object is not reversible");
    return orElse(
      all(value, machine).at(-1),
      () => new Undefined("No last item, sequence was empty."),
    );
  }),
  length,
  list: native<Value>("", (value, _, machine) => all(value, machine)),
  lower,
  max: extreme(-1),
  min: extreme(1),
  pprint: native<Value>("", (value, _, { budget }) => repr(value, budget)),
  replace: native<Value>("old! new! count", (value, [old, by, count], { budget }) =>
    replace(
      str(value, budget),
      str(old!, budget),
      str(by!, budget),
      count == null ? -1 : integer(count),
      budget,
    )),
  reverse: native<Value>("", (value, _, machine) => reversed(value, machine)),
  round: native<Value>(
    "precision method",
    (value, [precision = 0n, method = "common"]) => round(value, integer(precision), text(method)),
  ),
  safe: native<Value>("", (value, _, { budget }) => new Markup(str(value, budget))),
  slice: native<Value>(
    "slices! fill_with",
    (value, [count, fill], machine) =>
      new Lazy(slices(all(value, machine), integer(count!), fill, machine.budget)),
  ),
  sort: native<Value>(
    "reverse case_sensitive attribute",
    (value, [reverse, caseSensitive, attribute], machine) => {
      const attributes = typeof attribute === "string" ? attribute.split(",") : [attribute];
      const keys = attributes.map((attribute) => keyOf(attribute, caseSensitive, machine));
      const key = (item: Value) => keys.map((get) => get(item));
      return sorted(all(value, machine), key, reverse, machine.budget);
    },
  ),
  string: native<Value>(
    "",
    (value, _, { budget }) => value instanceof Markup ? value : str(value, budget),
  ),
  sum: native<Value>("attribute start", (value, [attribute, start = 0n], machine) => {
    const get = getter(attribute, machine);
    let sum = start;
    for (const item of iterate(value, machine.budget)) {
      sum = arithmetic("+", sum, get(item), machine.budget);
    }
    return sum;
  }),
  title: native<Value>(
    "",
    (value, _, { budget }) => wordwise(value, budget).split(TITLE_BREAK).map(capitalize).join(""),
  ),
  tojson: native<Value>("ensure_ascii indent separators sort_keys", json),
  trim: native<Value>("chars", (value, [chars], { budget }) => {
    const whole = str(value, budget);
    const rest = strip(whole, chars, "both");
    budget.step(whole.length - rest.length);
    return rest;
  }),
  truncate: native<Value>(
    "length killwords end leeway",
    (value, [length = 255n, cuts = false, end = "...", leeway = 5n], { budget }) =>
      truncate(wordwise(value, budget), integer(length), isTrue(cuts), text(end), integer(leeway)),
  ),
  unique: native<Value>(
    "case_sensitive attribute",
    (value, [caseSensitive, attribute], machine) =>
      new Lazy(unique(value, keyOf(attribute, caseSensitive, machine), machine.budget)),
  ),
  upper: native<Value>(
    "",
    (value, _, { budget }) => changed(str(value, budget), upperCase, budget),
  ),
  urlencode: native<Value>("", (value, _, machine) => urlencoded(value, machine)),
  wordcount: native<Value>(
    "",
    (value, _, { budget }) =>
      BigInt(wordwise(value, budget).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0),
  ),
}));

function urlencoded(value: Value, machine: Machine): string {
  const { budget } = machine;
  const encode = (piece: string) =>
    encodeURIComponent(piece.toWellFormed()).replace(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  const quote = (part: Value) => changed(wordwise(part, budget), encode, budget);
  const isPlain = typeof value === "string" || !isIterable(value);
  if (isPlain) return quote(value).replaceAll("%2F", "/");
  const pairs = value instanceof Dict ? new View("dict_items", value) : value;
  const texts = function* () {
    for (const pair of all(pairs, machine)) {
      yield all(pair, machine).map((part) => quote(part).replaceAll("%20", "+")).join("=");
    }
  };
  return join("&", texts(), budget);
}

type Variadic = (value: Value, args: readonly Value[], named: Named, machine: Machine) => Value;

const selecting = (selection: Selection): Variadic => (value, args, named, machine) =>
  new Lazy(selected(value, args, named, machine, selection));

/** Filters that take any arguments. */
export const VARIADIC_FILTERS: ReadonlyMap<string, Variadic> = new Map(Object.entries<Variadic>({
  format(value, args, named, { budget }) {
    if (args.length > 0 && named.size > 0) {
      throw new TemplateError("can't handle positional and keyword arguments at the same time");
    }
    const given: PyObject = named.size > 0 ? new Dict(named) : new Tuple(args);
    return percentFormat(str(value, budget), given, budget);
  },
  map: (value, args, named, machine) => new Lazy(mapped(value, args, named, machine)),
  select: selecting({ byAttribute: false, wanted: true }),
  reject: selecting({ byAttribute: false, wanted: false }),
  selectattr: selecting({ byAttribute: true, wanted: true }),
  rejectattr: selecting({ byAttribute: true, wanted: false }),
}));
