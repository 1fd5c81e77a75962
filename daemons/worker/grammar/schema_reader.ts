import { isNumber, jsonText } from "./exact_json.ts";
import {
  dependenciesOf,
  findTarget,
  isSchema,
  listedValues,
  namedTypes,
  referenceOf,
  type Schema,
  TYPES,
} from "./schema.ts";
import { brokenKeywords } from "./schema_shape.ts";

/** A schema and where it stands. The same object is always the same node. */
export interface Node {
  readonly id: number;
  readonly schema: Schema;
  /** Place in the request, for messages. */
  readonly at: string;
  /** Whether it is a condition: its `properties` do not say which ones an object has. */
  readonly isCondition: boolean;
  /** Whether its `not` is held by itself: values or a pattern that are excluded. */
  readonly excludes: boolean;
}

/** Schemas that a value must all satisfy, by their own keywords alone. */
export type Alternative = readonly Node[];

/** Receives what a {@linkcode SchemaReader} finds. */
export interface SchemaReport {
  /** A keyword that cannot mean anything. */
  refuse(at: string, message: string): void;
  /** A keyword that the alternatives do not hold. */
  leave(at: string): void;
}

/** Most alternatives that come from combining choices with each other. */
const MAX_COMBINED = 64;
/** Most alternatives of a `oneOf` that are compared with each other. */
const MAX_COMPARED = 200;

/**
 * Takes a schema apart: `$ref`, `allOf`, `anyOf`, `oneOf`, `not`, `if` and dependencies become
 * alternatives, each a list of schemas of which only the other keywords count. What cannot be
 * expressed so is left, and the alternatives allow more than the schema.
 */
export class SchemaReader {
  readonly #root: Schema;
  readonly #field: string;
  readonly #report: SchemaReport;
  readonly #nodes = new Map<Schema, Node>();
  readonly #expanded = new Map<Node, readonly Alternative[]>();
  readonly #negated = new Map<Schema, readonly Alternative[] | undefined>();
  /** Nodes that are being expanded: one that leads to itself would never end. */
  readonly #open = new Set<Node>();
  readonly #targets = new Set<Node>();
  readonly #isCoarse: boolean;
  #count = 0;

  /** @param isCoarse Leaves choices beside a schema's own keywords, which would repeat these. */
  constructor(root: Schema, field: string, report: SchemaReport, isCoarse = false) {
    this.#isCoarse = isCoarse;
    this.#root = root;
    this.#field = field;
    this.#report = report;
  }

  /** The node of a schema, none if anything satisfies it; undefined if nothing does. */
  nodesOf(value: unknown, at: string, isCondition = false): readonly Node[] | undefined {
    if (value === true) return [];
    if (value === false) return undefined;
    if (!isSchema(value)) {
      this.#report.refuse(at, "must be a schema: an object, true or false");
      return [];
    }
    if (isPureReference(value)) return this.#referredNodes(value, at, isCondition);
    return [this.#node(value, at, { isCondition, excludes: false })];
  }

  /** The nodes of a schema that is only a reference: the same for each reference to one place. */
  #referredNodes(schema: Schema, at: string, isCondition: boolean): readonly Node[] | undefined {
    const seen = new Set<unknown>();
    let [value, place]: [unknown, string] = [schema, at];
    while (isPureReference(value)) {
      if (seen.has(value)) {
        this.#report.refuse(at, BEGINS_WITH_ITSELF);
        return [];
      }
      seen.add(value);
      const { key, ref } = referenceOf(value)!;
      const target = this.#target(ref, `${place}.${key}`);
      if (!target) return [];
      [value, place] = [target.schema, target.at];
    }
    const nodes = this.nodesOf(value, place, isCondition);
    for (const node of nodes ?? []) this.#targets.add(node);
    return nodes;
  }

  /** Whether a schema is referred to, as definitions are. */
  isTarget(node: Node): boolean {
    return this.#targets.has(node);
  }

  /** Alternatives of which a value must satisfy one, to satisfy all of the nodes. */
  alternatives(nodes: readonly Node[]): readonly Alternative[] {
    let all: readonly Alternative[] = [[]];
    for (const node of nodes) all = this.#combined(all, this.#expand(node), node.at);
    return all;
  }

  #node(schema: Schema, at: string, kind: Pick<Node, "isCondition" | "excludes">): Node {
    const known = this.#nodes.get(schema);
    if (known) return known;
    const node: Node = { id: this.#count++, schema, at, ...kind };
    this.#nodes.set(schema, node);
    for (const { key, message } of brokenKeywords(schema)) {
      this.#report.refuse(`${at}.${key}`, message);
    }
    return node;
  }

  #expand(node: Node): readonly Alternative[] {
    const known = this.#expanded.get(node);
    if (known) return known;
    if (this.#open.has(node)) {
      this.#report.refuse(node.at, BEGINS_WITH_ITSELF);
      return [[node]];
    }
    this.#open.add(node);
    const all = this.#applied(node);
    this.#open.delete(node);
    this.#expanded.set(node, all);
    return all;
  }

  #applied(node: Node): readonly Alternative[] {
    const { schema, at } = node;
    let all: readonly Alternative[] = [[node]];
    const and = (others: readonly Alternative[] | undefined, key: string) => {
      const isRepeated = this.#isCoarse && others && others.length > 1 && restricts(node);
      if (others && !isRepeated) all = this.#combined(all, others, `${at}.${key}`);
      else this.#report.leave(`${at}.${key}`);
    };
    const reference = referenceOf(schema);
    if (reference) and(this.#referred(reference.ref, `${at}.${reference.key}`), reference.key);
    for (const [index, each] of listOf(schema["allOf"]).entries()) {
      and(this.#schema(each, `${at}.allOf.${index}`), `allOf.${index}`);
    }
    for (const key of ["anyOf", "oneOf"]) {
      const list = listOf(schema[key]);
      if (list.length === 0) continue;
      const choices = list.map((each, index) => this.#schema(each, `${at}.${key}.${index}`));
      if (key === "oneOf" && !areExclusive(choices)) this.#report.leave(`${at}.${key}`);
      and(choices.flat(), key);
    }
    if (schema["not"] !== undefined && !node.excludes) {
      and(this.#negation(schema["not"], `${at}.not`), "not");
    }
    if (schema["if"] !== undefined) and(this.#conditional(schema, at), "if");
    for (const { key, name, needs } of dependenciesOf(schema)) {
      and(this.#dependent(name, needs, `${at}.${key}.${name}`), `${key}.${name}`);
    }
    return all;
  }

  #schema(value: unknown, at: string, isCondition = false): readonly Alternative[] {
    const nodes = this.nodesOf(value, at, isCondition);
    return nodes ? this.alternatives(nodes) : [];
  }

  #referred(ref: unknown, at: string): readonly Alternative[] {
    const target = this.#target(ref, at);
    return target ? this.#schema(target.schema, target.at) : [[]];
  }

  #target(ref: unknown, at: string): { readonly schema: unknown; readonly at: string } | undefined {
    const target = findTarget(this.#root, ref);
    if (target) return { schema: target.schema, at: [this.#field, ...target.steps].join(".") };
    this.#report.refuse(
      at,
      typeof ref === "string" && ref.startsWith("#")
        ? `${ref} is not in this schema`
        : "must point into this schema: #/$defs/…",
    );
    return undefined;
  }

  #conditional(schema: Schema, at: string): readonly Alternative[] {
    const branch = (key: string) =>
      schema[key] === undefined ? [[]] : this.#schema(schema[key], `${at}.${key}`);
    if (schema["then"] === undefined && schema["else"] === undefined) return [[]];
    const holds = this.#schema(schema["if"], `${at}.if`, true);
    const fails = this.#negation(schema["if"], `${at}.if`);
    if (!fails) this.#report.leave(`${at}.if`);
    return [
      ...this.#combined(holds, branch("then"), `${at}.then`),
      ...this.#combined(fails ?? [[]], branch("else"), `${at}.else`),
    ];
  }

  #dependent(name: string, needs: unknown, at: string): readonly Alternative[] {
    const without = this.#condition({ properties: { [name]: false } }, at);
    const names = Array.isArray(needs) ? needs.filter((each) => typeof each === "string") : [];
    const given = this.#condition({ required: [name, ...names] }, at);
    if (Array.isArray(needs)) return [[without], [given]];
    return [[without], ...this.#combined([[given]], this.#schema(needs, at), at)];
  }

  #condition(schema: Schema, at: string, excludes = false): Node {
    return this.#node(schema, at, { isCondition: true, excludes });
  }

  /** Alternatives of which a value must satisfy one, not to satisfy a schema; undefined if unknown. */
  #negation(value: unknown, at: string): readonly Alternative[] | undefined {
    if (value === true) return [];
    if (value === false) return [[]];
    const [node] = this.nodesOf(value, at, true) ?? [];
    if (!node || this.#open.has(node)) return undefined;
    if (this.#negated.has(node.schema)) return this.#negated.get(node.schema);
    this.#open.add(node);
    const made = this.#negationOf(node);
    this.#open.delete(node);
    this.#negated.set(node.schema, made);
    return made;
  }

  #negationOf({ schema, at }: Node): readonly Alternative[] | undefined {
    const all: Alternative[] = [];
    for (const [key, value] of Object.entries(schema)) {
      if (value === undefined || !RESTRICTING.has(key)) continue;
      const some = this.#negationBy(key, value, schema, at);
      if (!some) return undefined;
      all.push(...some);
    }
    return all;
  }

  #negationBy(
    key: string,
    value: unknown,
    schema: Schema,
    at: string,
  ): readonly Alternative[] | undefined {
    const one = (made: Schema, excludes = false) => [[this.#condition(made, at, excludes)]];
    const figure = Number(value);
    switch (key) {
      case "$ref": {
        const target = this.#target(value, `${at}.$ref`);
        return target && this.#negation(target.schema, target.at);
      }
      case "allOf": {
        const each = listOf(value).map((item, index) =>
          this.#negation(item, `${at}.allOf.${index}`)
        );
        return each.some((some) => !some) ? undefined : each.flatMap((some) => some!);
      }
      case "anyOf": {
        let all: readonly Alternative[] = [[]];
        for (const [index, item] of listOf(value).entries()) {
          const some = this.#negation(item, `${at}.anyOf.${index}`);
          if (!some) return undefined;
          all = this.#combined(all, some, `${at}.anyOf.${index}`);
        }
        return all;
      }
      case "not":
        return this.#schema(value, `${at}.not`);
      case "type": {
        const types = namedTypes(schema)!;
        // Numbers that are no integers have no type of their own.
        if (types.includes("integer") && !types.includes("number")) return undefined;
        const others = TYPES.filter((type) => !types.includes(type) && type !== "integer");
        return others.length === 0 ? [] : one({ type: others });
      }
      case "const":
      case "enum":
        return one({ not: { enum: listedValues(schema) } }, true);
      case "pattern":
        return one({ type: "string", not: { pattern: value } }, true);
      case "properties":
        return Object.entries(value as Schema).flatMap(([name, each]) =>
          one({ type: "object", required: [name], properties: { [name]: { not: each } } })
        );
      case "required":
        return listOf(value).flatMap((name) =>
          one({ type: "object", properties: { [String(name)]: false } })
        );
      case "minLength":
        return figure === 0 ? [] : one({ type: "string", maxLength: figure - 1 });
      case "maxLength":
        return one({ type: "string", minLength: figure + 1 });
      case "minItems":
        return figure === 0 ? [] : one({ type: "array", maxItems: figure - 1 });
      case "maxItems":
        return one({ type: "array", minItems: figure + 1 });
      case "minProperties":
        return figure === 0 ? [] : one({ type: "object", maxProperties: figure - 1 });
      case "maxProperties":
        return one({ type: "object", minProperties: figure + 1 });
      case "minimum":
      case "maximum":
      case "exclusiveMinimum":
      case "exclusiveMaximum":
        if (!isNumber(value) || Object.values(schema).some((each) => each === true)) {
          return undefined;
        }
        return one({ type: "number", [OPPOSITE[key]!]: value });
      default:
        return undefined;
    }
  }

  /** Alternatives that satisfy one of each list. */
  #combined(
    some: readonly Alternative[],
    others: readonly Alternative[],
    at: string,
  ): readonly Alternative[] {
    if (some.length > 1 && others.length > 1 && some.length * others.length > MAX_COMBINED) {
      this.#report.leave(at);
      return some;
    }
    return some.flatMap((one) => others.map((other) => [...new Set([...one, ...other])]));
  }
}

const OPPOSITE: Readonly<Record<string, string>> = {
  minimum: "exclusiveMaximum",
  maximum: "exclusiveMinimum",
  exclusiveMinimum: "maximum",
  exclusiveMaximum: "minimum",
};

/** Keywords by which a value may fail to satisfy a schema. */
const RESTRICTING: ReadonlySet<string> = new Set([
  ...["$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "not", "if", "type"],
  ...["const", "enum", "pattern", "format", "minLength", "maxLength", "minimum", "maximum"],
  ...["exclusiveMinimum", "exclusiveMaximum", "multipleOf", "properties", "required"],
  ...["additionalProperties", "patternProperties", "propertyNames", "minProperties"],
  ...["maxProperties", "dependentRequired", "dependentSchemas", "dependencies", "items"],
  ...["prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains"],
  ...["unevaluatedItems", "unevaluatedProperties", "nullable"],
]);

const BEGINS_WITH_ITSELF = "begins with itself: let it be within a property or an item";

/** Keywords that lead to other schemas in the same place, and say nothing themselves. */
const LEADING: ReadonlySet<string> = new Set([
  ...["$ref", "$dynamicRef", "$recursiveRef", "allOf", "anyOf", "oneOf", "not", "if"],
]);

/** Whether a node restricts values by keywords of its own. */
export function restricts({ schema, excludes }: Node): boolean {
  return excludes ||
    Object.keys(schema).some((key) => RESTRICTING.has(key) && !LEADING.has(key));
}

function isPureReference(value: unknown): value is Schema {
  return isSchema(value) && referenceOf(value) !== undefined &&
    Object.keys(value).every((key) => !RESTRICTING.has(key) || REFERENCES.has(key));
}

const REFERENCES: ReadonlySet<string> = new Set(["$ref", "$dynamicRef", "$recursiveRef"]);

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Whether no value can satisfy two of several choices, judged by types and constants alone. */
function areExclusive(choices: readonly (readonly Alternative[])[]): boolean {
  const count = choices.reduce((sum, alternatives) => sum + alternatives.length, 0);
  if (count > MAX_COMPARED) return false;
  const traits = choices.map((alternatives) => alternatives.map(traitsOf));
  return traits.every((some, index) =>
    traits.slice(index + 1).every((others) =>
      some.every((one) => others.every((other) => areApart(one, other)))
    )
  );
}

/** Properties by which alternatives are known to exclude each other. */
interface Traits {
  readonly types: readonly string[] | undefined;
  /** Values that are possible, as JSON, by the name of a property that must be there; "" for all. */
  readonly values: ReadonlyMap<string, ReadonlySet<string>>;
}

function traitsOf(alternative: Alternative): Traits {
  let types: readonly string[] | undefined;
  const values = new Map<string, ReadonlySet<string>>();
  for (const { schema } of alternative) {
    const own = namedTypes(schema);
    if (own) types = types?.filter((type) => own.includes(type)) ?? own;
    const listed = listedValues(schema);
    if (listed) values.set("", new Set(listed.map((each) => jsonText(each))));
    if (!isSchema(schema["properties"])) continue;
    for (const name of listOf(schema["required"])) {
      const property = schema["properties"][String(name)];
      const constants = isSchema(property) ? listedValues(property) : undefined;
      if (!constants) continue;
      values.set(`.${name}`, new Set(constants.map((each) => jsonText(each))));
    }
  }
  // Properties distinguish objects only where nothing but an object is possible.
  if (types?.length !== 1 || types[0] !== "object") {
    const all = values.get("");
    return { types, values: new Map(all ? [["", all]] : []) };
  }
  return { types, values };
}

function areApart(one: Traits, other: Traits): boolean {
  const [some, others] = [one.types, other.types];
  const isNumeric = (type: string) => type === "number" || type === "integer";
  if (
    some && others &&
    !some.some((type) => others.includes(type) || isNumeric(type) && others.some(isNumeric))
  ) return true;
  for (const [name, values] of one.values) {
    const theirs = other.values.get(name);
    if (theirs && values.isDisjointFrom(theirs)) return true;
  }
  return false;
}
