import { identityOf, isNumber, isSame, type JsonNumber, jsonText } from "./exact_json.ts";
import { formatPattern } from "./formats.ts";
import { Nfa, TooMuchWork, Work } from "./nfa.ts";
import { BrokenPattern, readPattern, UnsupportedPattern } from "./pattern.ts";
import {
  boundsOf,
  dependenciesOf,
  findTarget,
  isSchema,
  itemsOf,
  listedValues,
  namedTypes,
  referenceOf,
  type Schema,
} from "./schema.ts";

/** Deepest nesting of schemas on the way to a value. */
const MAX_DEPTH = 500;
/** Most errors that are reported. */
const MAX_ERRORS = 20;
/** Work to find out whether a number is a multiple. */
const MULTIPLE_WORK = 4;
/** Work for one pattern on one text. */
const MAX_NFA = 50_000;

type Values = Readonly<Record<string, unknown>>;

/** Properties and items that a keyword has evaluated, for `unevaluatedProperties` and `…Items`. */
interface Seen {
  readonly names: Set<string>;
  items: number;
}

/**
 * Checks values against a schema. All work is counted, and patterns are matched in linear time, so
 * that neither schema nor value can take longer than the bound.
 */
export class SchemaCheck {
  /** Places of keywords that could not be checked, with the reason. */
  readonly unchecked = new Set<string>();
  readonly #root: Schema;
  readonly #work: Work;
  readonly #patterns = new Map<string, ((text: string) => boolean) | undefined>();

  constructor(root: Schema, work: Work) {
    this.#root = root;
    this.#work = work;
  }

  /**
   * Whether a value satisfies a schema.
   *
   * @throws {TooMuchWork}
   */
  isValid(schema: unknown, value: unknown): boolean {
    return this.errors(schema, value, 1).length === 0;
  }

  /**
   * The errors of a value, at most `most`; each begins with the JSON pointer of the place.
   *
   * @throws {TooMuchWork}
   */
  errors(schema: unknown, value: unknown, most = MAX_ERRORS): readonly string[] {
    const errors: string[] = [];
    this.#check(schema, value, "", 0, (error) => {
      if (errors.length < most) errors.push(error);
    });
    return errors;
  }

  /** @returns the properties and items that were evaluated */
  #check(
    schema: unknown,
    value: unknown,
    at: string,
    depth: number,
    fail: (error: string) => void,
  ): Seen {
    const seen: Seen = { names: new Set(), items: 0 };
    this.#work.spend(1);
    if (schema === false) fail(`${at || "/"}: nothing may be here`);
    if (!isSchema(schema)) return seen;
    if (depth > MAX_DEPTH) throw new TooMuchWork();
    const say = (message: string) => fail(`${at || "/"}: ${message}`);
    const also = (inner: unknown, report = fail) => {
      const more = this.#check(inner, value, at, depth + 1, report);
      return () => {
        for (const name of more.names) seen.names.add(name);
        seen.items = Math.max(seen.items, more.items);
      };
    };
    const holds = (inner: unknown) => {
      let isFine = true;
      const merge = also(inner, () => isFine = false);
      if (isFine) merge();
      return isFine;
    };
    const reference = referenceOf(schema);
    if (reference) {
      const target = findTarget(this.#root, reference.ref);
      if (target) also(target.schema)();
    }
    for (const each of listOf(schema["allOf"])) also(each)();
    const { anyOf, oneOf } = schema;
    if (Array.isArray(anyOf) && anyOf.filter(holds).length === 0) say("fits none of anyOf");
    if (Array.isArray(oneOf)) {
      const count = oneOf.filter(holds).length;
      if (count !== 1) say(`fits ${count} of oneOf, must fit one`);
    }
    if (schema["not"] !== undefined && this.#holdsApart(schema["not"], value, at, depth)) {
      say("fits what it must not");
    }
    if (schema["if"] !== undefined) {
      const branch = schema[holds(schema["if"]) ? "then" : "else"];
      if (branch !== undefined) also(branch)();
    }
    const types = namedTypes(schema);
    if (types && !types.some((type) => isOfType(value, type))) {
      say(`must be ${types.join(" or ")}`);
    }
    const listed = listedValues(schema);
    if (listed) {
      this.#work.spend(listed.length);
      if (!listed.some((each) => isSame(each, value))) say("is none of the listed values");
    }
    if (typeof value === "string") this.#checkText(schema, value, say);
    if (isNumber(value)) {
      if (schema["multipleOf"] !== undefined) this.#work.spend(MULTIPLE_WORK);
      checkNumber(schema, value, say);
    }
    if (Array.isArray(value)) this.#checkArray(schema, value, { at, depth, say, fail, seen });
    else if (isSchema(value)) {
      for (const { name, needs } of dependenciesOf(schema)) {
        if (!Object.hasOwn(value, name)) continue;
        if (!Array.isArray(needs)) also(needs)();
        else for (const each of needs) if (!Object.hasOwn(value, each)) say(`${each} is missing`);
      }
      this.#checkObject(schema, value, { at, depth, say, fail, seen });
    }
    return seen;
  }

  #holdsApart(schema: unknown, value: unknown, at: string, depth: number): boolean {
    let isFine = true;
    this.#check(schema, value, at, depth + 1, () => isFine = false);
    return isFine;
  }

  #checkText(schema: Schema, text: string, say: (message: string) => void): void {
    const { minLength, maxLength, pattern, format } = schema;
    if (minLength !== undefined || maxLength !== undefined) {
      this.#work.spend(text.length);
      const length = [...text].length;
      if (length < Number(minLength ?? 0)) say(`must have ${minLength} characters or more`);
      if (length > Number(maxLength ?? Infinity)) say(`must have ${maxLength} characters or fewer`);
    }
    if (typeof pattern === "string" && !this.matches(pattern, text)) {
      say(`does not match ${pattern}`);
    }
    const known = formatPattern(format);
    if (known !== undefined && !this.matches(known, text)) say(`is no ${format}`);
  }

  /**
   * Whether a pattern occurs in a text; true for patterns that cannot be matched in bounded time,
   * which are then named.
   *
   * @throws {TooMuchWork}
   */
  matches(pattern: string, text: string): boolean {
    if (!this.#patterns.has(pattern)) this.#patterns.set(pattern, this.#matcher(pattern));
    return this.#patterns.get(pattern)?.(text) ?? true;
  }

  #matcher(pattern: string): ((text: string) => boolean) | undefined {
    try {
      const work = new Work(MAX_NFA);
      const conditions = readPattern(pattern).map(({ pattern, isNegated }) => ({
        nfa: new Nfa(pattern, work),
        isNegated,
      }));
      this.#work.spend(MAX_NFA - work.left);
      return (text) =>
        conditions.every(({ nfa, isNegated }) => nfa.matches(text, this.#work) !== isNegated);
    } catch (error) {
      const isKnown = error instanceof UnsupportedPattern || error instanceof BrokenPattern ||
        error instanceof TooMuchWork && this.#work.left >= 0;
      if (!isKnown) throw error;
      this.unchecked.add(`pattern ${pattern}: ${error.message || "is too large"}`);
      return undefined;
    }
  }

  #checkArray(schema: Schema, value: readonly unknown[], parts: Parts): void {
    const { at, depth, say, fail, seen } = parts;
    const count = value.length;
    if (count < Number(schema["minItems"] ?? 0)) {
      say(`must have ${schema["minItems"]} items or more`);
    }
    if (count > Number(schema["maxItems"] ?? Infinity)) {
      say(`must have ${schema["maxItems"]} items or fewer`);
    }
    const { first, others } = itemsOf(schema);
    for (const [index, item] of value.entries()) {
      const inner = index < first.length ? first[index] : others;
      if (inner === undefined) continue;
      this.#check(inner, item, `${at}/${index}`, depth + 1, fail);
      seen.items = Math.max(seen.items, index + 1);
    }
    if (schema["uniqueItems"] === true) {
      this.#work.spend(jsonText(value).length);
      if (new Set(value.map(identityOf)).size < count) say("must have no item twice");
    }
    if (schema["contains"] !== undefined) {
      const found = value.filter((item) =>
        this.#holdsApart(schema["contains"], item, at, depth)
      ).length;
      const [least, most] = [Number(schema["minContains"] ?? 1), schema["maxContains"]];
      if (found < least || found > Number(most ?? Infinity)) {
        say(`contains ${found} of what it must`);
      }
    }
    if (schema["unevaluatedItems"] === undefined) return;
    for (const [index, item] of value.entries()) {
      if (index < seen.items) continue;
      this.#check(schema["unevaluatedItems"], item, `${at}/${index}`, depth + 1, fail);
    }
  }

  #checkObject(schema: Schema, value: Values, parts: Parts): void {
    const { at, depth, say, fail, seen } = parts;
    const names = Object.keys(value);
    const { properties, patternProperties, additionalProperties, propertyNames } = schema;
    if (names.length < Number(schema["minProperties"] ?? 0)) {
      say(`must have ${schema["minProperties"]} properties or more`);
    }
    if (names.length > Number(schema["maxProperties"] ?? Infinity)) {
      say(`must have ${schema["maxProperties"]} properties or fewer`);
    }
    for (const name of listOf(schema["required"])) {
      this.#work.spend(1);
      if (!Object.hasOwn(value, String(name))) say(`${name} is missing`);
    }
    const patterns = isSchema(patternProperties) ? Object.entries(patternProperties) : [];
    for (const name of names) {
      this.#work.spend(1);
      const inner: unknown[] = [];
      if (isSchema(properties) && Object.hasOwn(properties, name)) inner.push(properties[name]);
      for (const [pattern, each] of patterns) if (this.matches(pattern, name)) inner.push(each);
      if (inner.length === 0 && additionalProperties !== undefined) {
        inner.push(additionalProperties);
      }
      if (inner.length > 0) seen.names.add(name);
      const place = `${at}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      for (const each of inner) this.#check(each, value[name], place, depth + 1, fail);
      if (propertyNames !== undefined && !this.#holdsApart(propertyNames, name, at, depth)) {
        say(`the name ${JSON.stringify(name)} is not allowed`);
      }
      if (seen.names.has(name) || schema["unevaluatedProperties"] === undefined) continue;
      this.#check(schema["unevaluatedProperties"], value[name], place, depth + 1, fail);
    }
  }
}

/** Parameters that the checks of one value share. */
interface Parts {
  readonly at: string;
  readonly depth: number;
  readonly say: (message: string) => void;
  readonly fail: (error: string) => void;
  readonly seen: Seen;
}

function checkNumber(schema: Schema, value: JsonNumber, say: (message: string) => void): void {
  const { min, max } = boundsOf(schema);
  if (min && (value < min.value || min.isOpen && value == min.value)) {
    say(`must be ${min.isOpen ? "more than" : "at least"} ${min.value}`);
  }
  if (max && (value > max.value || max.isOpen && value == max.value)) {
    say(`must be ${max.isOpen ? "less than" : "at most"} ${max.value}`);
  }
  const step = schema["multipleOf"];
  if (isNumber(step) && step > 0 && !isMultiple(value, step)) {
    say(`must be a multiple of ${step}`);
  }
}

/** Compares decimal digits, as 0.3 is no multiple of 0.1 in binary ones. */
function isMultiple(value: JsonNumber, step: JsonNumber): boolean {
  const [one, other] = [decimalOf(value), decimalOf(step)];
  const places = Math.max(one.places, other.places);
  const scaled = ({ digits, places: own }: Decimal) => digits * 10n ** BigInt(places - own);
  return scaled(one) % scaled(other) === 0n;
}

interface Decimal {
  readonly digits: bigint;
  readonly places: number;
}

function decimalOf(value: JsonNumber): Decimal {
  const [, sign, whole, decimals = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([-+]?\d+))?$/.exec(String(value)) ?? ["", "", "0"];
  const digits = BigInt(`${sign}${whole}${decimals}`);
  const places = decimals.length - Number(exponent);
  return places >= 0 ? { digits, places } : { digits: digits * 10n ** BigInt(-places), places: 0 };
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case "object":
      return isSchema(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return typeof value === "bigint" || Number.isInteger(value);
    case "number":
      return isNumber(value);
    case "null":
      return value === null;
    case "string":
      return typeof value === "string";
    default:
      return type === "boolean" && typeof value === "boolean";
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
