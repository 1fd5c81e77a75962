import { type FieldError, invalidRequest } from "#shared/errors.ts";
import { arrayRule } from "./array_rule.ts";
import { bothOf, type Dfa, lengthsOf, othersThan, textsOf } from "./dfa.ts";
import { dfaRules, type Writing } from "./dfa_rules.ts";
import { exactly, identityOf, isNumber, type JsonNumber, jsonText } from "./exact_json.ts";
import { formatPattern } from "./formats.ts";
import { integerRange, leastInteger, mostInteger } from "./integer_range.ts";
import { atOnce, type Making } from "./in_turns.ts";
import { literal, literalChoice } from "./literal_choice.ts";
import { TooMuchWork, Work } from "./nfa.ts";
import {
  type Bounds,
  integerPattern,
  multiplesOf,
  numberExpression,
  numberPattern,
} from "./number_texts.ts";
import { objectRule, type Pair } from "./object_rule.ts";
import {
  boundsOf,
  impliedTypes,
  isSchema,
  itemsOf,
  listedValues,
  namedTypes,
  type Schema,
  TYPES,
} from "./schema.ts";
import { SchemaCheck } from "./schema_check.ts";
import { type Alternative, type Node, restricts, SchemaReader } from "./schema_reader.ts";
import { formatLanguage, patternLanguage, withinBounds } from "./text_language.ts";

/** Rules that every grammar may refer to. */
const BASE: Readonly<Record<string, string>> = {
  "ws": '"" | " " | "\\n" [ \\t]{0,20}',
  "char": '[^"\\\\\\x7F\\x00-\\x1F] | "\\\\" (["\\\\/bfnrt] | "u" [0-9a-fA-F]{4})',
  "string": '"\\"" char* "\\""',
  "whole": '"0" | [1-9] [0-9]{0,18}',
  "integer": integerRange(-Infinity, Infinity)!,
  "number": '"-"? whole ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?',
  "boolean": '"true" | "false"',
  "null": '"null"',
  "pair": 'string ":" ws value',
  "object": '"{" ws (pair (ws "," ws pair)* ws)? "}"',
  "array": '"[" ws (value (ws "," ws value)* ws)? "]"',
  "value": "object | array | string | number | boolean | null",
};

/** Limits of nesting and of rules; larger grammars are slow. */
const MAX_DEPTH = 64;
/** From this depth on, a definition is made after all else. */
const FAR_DEPTH = 16;
/** A rule that no text follows, as none has a NUL. */
const NOTHING = '"\\x00"';
const MAX_RULES = 8_000;
/** Most objects within a schema, and most characters of the values that it lists in one place. */
const MAX_OBJECTS = 3_000;
const MAX_LISTED = 150_000;
/** Most repetitions in all, each of which is a rule for llama.cpp. */
const MAX_ALL_REPEATS = 8_000;
/** llama.cpp refuses more repetitions of a rule. */
const MAX_REPEATS = 1_999;
/** Most repetitions in a grammar of less detail. */
const FEW_REPEATS = 20;
/** Most overlapping `patternProperties` whose combinations are written out. */
const MAX_NAME_PATTERNS = 3;
/** Steps for all patterns and lists of one schema. */
const MAX_WORK = 40_000;
/** Multiples are written with 15 digits where no bound says more: their remainders are many rules. */
const MOST_DIGITS = 999_999_999_999_999;
/** Numbers from 0 may have an exponent, as it does not change their sign. */
const FROM_ZERO = 'whole ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?';

/** A keyword's place in a request, as `json_schema.properties.a.pattern`. */
export type Place = string;

/**
 * How much of a schema a grammar holds: all that it can; types, names and short counts; or only the
 * type of the whole.
 */
export type Detail = "all" | "shape" | "type";

/** A grammar of JSON values. */
export interface JsonGrammar {
  /** GBNF. */
  readonly grammar: string;
  /** Keywords that the grammar does not hold, or not wholly: a check of the answer must. */
  readonly unheld: readonly Place[];
}

/**
 * Makes a GBNF grammar of the JSON values that a schema allows. Objects have their properties in
 * the order of the schema, with or without optional ones, and little white space. What a schema
 * does not mention is left out: an object with `properties` has others only where
 * `additionalProperties` says so, an array with `prefixItems` has all of them and no others unless
 * `items` or `minItems` says so.
 *
 * @param field The schema's field in the request, for messages.
 * @param detail Less than all where llama.cpp could not handle the grammar of all.
 * @throws {LlorchError} `INVALID_REQUEST` that lists all keywords that cannot mean anything
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.match(jsonGrammar({ enum: ["a", 1] }, "json_schema").grammar, /^root ::= /);
 * assert.deepEqual(jsonGrammar({ uniqueItems: true }, "json_schema").unheld, [
 *   "json_schema.uniqueItems",
 * ]);
 * ```
 */
export function jsonGrammar(schema: Schema, field: string, detail: Detail = "all"): JsonGrammar {
  return atOnce(makingJsonGrammar(schema, field, detail));
}

/** The same as {@linkcode jsonGrammar}; it may be interrupted after each property, item and choice. */
export function* makingJsonGrammar(
  schema: Schema,
  field: string,
  detail: Detail = "all",
): Making<JsonGrammar> {
  const writer = new GrammarWriter(schema, field, { detail });
  const root = yield* writer.expression();
  if (writer.errors.length > 0) throw invalidRequest(writer.errors);
  return { grammar: grammarText(root, writer.rules), unheld: writer.unheld };
}

/** The text of a whole grammar: `root`, its own rules and the base rules. */
export function grammarText(root: string, own: Readonly<Record<string, string>>): string {
  const rules = { root, ...own, ...BASE };
  return Object.entries(rules).map(([name, rule]) => `${name} ::= ${rule}\n`).join("");
}

/** A schema whose grammar would have more rules than one should. */
export class TooManyRules extends Error {
  override readonly name = "TooManyRules";
}

/** Options of a {@linkcode GrammarWriter}. */
export interface GrammarOptions {
  /** Prefix of the rules' names, if several schemas share a grammar. @default "" */
  readonly prefix?: string;
  /** @default "all" */
  readonly detail?: Detail;
}

/** A rule that is being written; it gets a name once another needs it. */
interface Entry {
  name?: string;
  expression?: string | undefined;
}

/**
 * Makes and collects the rules of one schema.
 *
 * @throws {TooManyRules} from {@linkcode GrammarWriter.expression}, with less detail less likely
 */
export class GrammarWriter {
  readonly rules: Record<string, string> = {};
  readonly errors: FieldError[] = [];
  readonly #root: Schema;
  readonly #isLarge: boolean;
  readonly #field: string;
  readonly #prefix: string;
  readonly #detail: Detail;
  readonly #reader: SchemaReader;
  readonly #check: SchemaCheck;
  readonly #work: Work;
  readonly #unheld = new Set<Place>();
  /** Values by the nodes that they satisfy, so that a schema may contain itself. */
  readonly #values = new Map<string, Entry>();
  readonly #later: { readonly name: string; readonly nodes: readonly Node[] }[] = [];
  readonly #ranges = new Map<string, string>();
  /** The first place that allows nothing. */
  #empty: Place | undefined;
  #count = 0;
  #repeats = 0;

  constructor(schema: Schema, field: string, options: GrammarOptions = {}) {
    // A schema that is too large is not walked through: it may be nested too deep for that, too.
    this.#isLarge = countObjects(schema, MAX_OBJECTS) > MAX_OBJECTS;
    const root = this.#isLarge ? schema : exactly(schema);
    this.#root = root;
    this.#field = field;
    this.#prefix = options.prefix ?? "";
    this.#detail = options.detail ?? "all";
    // Automata are written with all detail only.
    this.#work = new Work(this.#detail === "all" ? MAX_WORK : 0);
    this.#check = new SchemaCheck(root, new Work(MAX_WORK));
    this.#reader = new SchemaReader(root, field, {
      refuse: (at, message) => this.#refuse(at, message),
      leave: (at) => this.#unheld.add(at),
    }, this.#detail !== "all");
  }

  /** Keywords that the rules do not hold, or not wholly. */
  get unheld(): readonly Place[] {
    return [...this.#unheld];
  }

  /**
   * Converts the whole schema to an expression for any position in a rule. It may be interrupted after
   * each property, item and choice.
   */
  *expression(): Making<string> {
    if (this.#detail === "type") return this.#typeOnly();
    if (this.#isLarge) throw new TooManyRules();
    const nodes = this.#reader.nodesOf(this.#root, this.#field) ?? [];
    const value = yield* this.#value(nodes, 0);
    for (let next = this.#later.pop(); next; next = this.#later.pop()) {
      this.#addRule(next.name, (yield* this.#choicesOf(next.nodes, 0)) ?? NOTHING);
    }
    if (value !== undefined) return value;
    if (this.errors.length === 0) {
      this.#refuse(this.#empty ?? this.#field, "allows no value");
    }
    return "value";
  }

  #typeOnly(): string {
    this.#unheld.add(this.#field);
    const types = namedTypes(this.#root) ?? impliedTypes(this.#root) ?? ["value"];
    return `(${types.join(" | ")})`;
  }

  /** @returns an expression for any position; undefined if nothing satisfies all nodes */
  *#value(nodes: readonly Node[], depth: number): Making<string | undefined> {
    if (nodes.length === 0) return "value";
    if (depth > MAX_DEPTH) {
      this.#refuse(nodes[0]!.at, `is nested deeper than ${MAX_DEPTH}`);
      return "value";
    }
    const isFar = depth > FAR_DEPTH && nodes.every((node) => this.#reader.isTarget(node));
    return isFar
      ? this.#laterOnce(nodes)
      : yield* this.#once("value", nodes, () => this.#choicesOf(nodes, depth));
  }

  /** Definitions that refer to each other in a long row are not nested: each is made by itself. */
  #laterOnce(nodes: readonly Node[]): string | undefined {
    const key = keyOf("value", nodes);
    const known = this.#values.get(key);
    if (known) return this.#again(known);
    const name = this.#newName();
    this.#values.set(key, { name });
    this.#later.push({ name, nodes });
    return name;
  }

  /** Makes what nodes mean once; a schema that contains itself gets a rule. */
  *#once(
    what: string,
    nodes: readonly Node[],
    make: () => Making<string | undefined>,
  ): Making<string | undefined> {
    const key = keyOf(what, nodes);
    const known = this.#values.get(key);
    if (known) return this.#again(known);
    const entry: Entry = {};
    this.#values.set(key, entry);
    const expression = yield* make();
    entry.expression = expression;
    if (entry.name === undefined) return expression;
    this.#addRule(entry.name, expression ?? NOTHING);
    return expression === undefined ? undefined : entry.name;
  }

  /** A value that was needed before, or contains itself. */
  #again(entry: Entry): string | undefined {
    if ("expression" in entry && entry.name === undefined) {
      const { expression } = entry;
      if (expression === undefined || isShort(expression)) return expression;
      entry.name = this.#rule(expression);
    }
    return entry.name ??= this.#newName();
  }

  *#choicesOf(nodes: readonly Node[], depth: number): Making<string | undefined> {
    const expression = yield* this.#choices(nodes, depth);
    if (expression === undefined) this.#empty ??= nodes[0]!.at;
    return expression;
  }

  *#choices(nodes: readonly Node[], depth: number): Making<string | undefined> {
    const choices = new Set<string>();
    const texts = new Set<string>();
    for (const alternative of this.#reader.alternatives(nodes)) {
      const values = this.#listed(alternative);
      if (values) {
        for (const value of values) texts.add(jsonText(value));
        continue;
      }
      for (const type of this.#types(alternative) ?? ["value"]) {
        // Schemas that only led here say nothing themselves.
        const own = alternative.filter(restricts);
        const expression = yield* this.#once(type, own, () => this.#typed(type, own, depth));
        if (expression !== undefined) choices.add(expression);
      }
      yield;
    }
    if (texts.size > 0) choices.add(this.#literals([...texts], nodes));
    if (choices.size < 2) return [...choices][0];
    return `(${[...choices].join(" | ")})`;
  }

  #literals(texts: readonly string[], nodes: readonly Node[]): string {
    if (texts.reduce((sum, text) => sum + text.length, 0) <= MAX_LISTED) {
      return literalChoice(texts);
    }
    for (const { at } of nodes) this.#unheld.add(at);
    return texts.every((text) => text.startsWith('"')) ? "string" : "value";
  }

  /** The values that an alternative lists and that satisfy all else; undefined if it lists none. */
  #listed(alternative: Alternative): readonly unknown[] | undefined {
    const lists = alternative.flatMap(({ schema }) => {
      const values = listedValues(schema);
      return values ? [values] : [];
    });
    const [first, ...others] = lists.toSorted((one, other) => one.length - other.length);
    if (!first) return undefined;
    const known = others.map((values) => new Set(values.map(identityOf)));
    const common = first.filter((value) => known.every((each) => each.has(identityOf(value))));
    const conditions = alternative.flatMap(({ schema }) => {
      const { const: _const, enum: _enum, ...rest } = schema;
      return Object.keys(rest).length === 0 ? [] : [rest];
    });
    try {
      return common.filter((value) =>
        conditions.every((schema) => this.#check.isValid(schema, value))
      );
    } catch (error) {
      if (!(error instanceof TooMuchWork)) throw error;
      for (const { at, schema } of alternative) {
        for (const key of Object.keys(schema)) {
          if (!["const", "enum", ...ANNOTATIONS].includes(key)) this.#unheld.add(`${at}.${key}`);
        }
      }
      return common;
    }
  }

  /** The types that a value may have; undefined if all that matters is that it is one. */
  #types(alternative: Alternative): readonly string[] | undefined {
    const lists = alternative.flatMap(({ schema }) =>
      namedTypes(schema) ? [namedTypes(schema)!] : []
    );
    if (lists.length === 0) {
      const implied = new Set(alternative.flatMap(({ schema }) => impliedTypes(schema) ?? []));
      if (implied.size > 0) return [...implied];
      return alternative.some(({ excludes }) => excludes)
        ? TYPES.filter((type) => type !== "integer")
        : undefined;
    }
    // An integer is a number, too.
    const common = TYPES.filter((type) =>
      lists.every((types) => types.includes(type) || type === "integer" && types.includes("number"))
    );
    const written = common.filter((type) => type !== "integer" || !common.includes("number"));
    // In the order of the schema, as the first is what a model takes first for an example.
    return [
      ...new Set([...lists[0]!.filter((type) => written.includes(type as Type)), ...written]),
    ];
  }

  *#typed(type: string, alternative: Alternative, depth: number): Making<string | undefined> {
    switch (type) {
      case "object":
        return yield* this.#object(alternative, depth);
      case "array":
        return yield* this.#array(alternative, depth);
      case "string":
        return this.#string(alternative);
      case "integer":
      case "number":
        return this.#number(type, alternative);
      case "boolean":
      case "null": {
        const values = type === "null" ? [null] : [true, false];
        const left = values.filter((value) =>
          !excludedOf(alternative).some((each) => each === value)
        );
        if (left.length === values.length) return type;
        return left.length === 0 ? undefined : literal(JSON.stringify(left[0]));
      }
      default:
        return "value";
    }
  }

  *#object(alternative: Alternative, depth: number): Making<string | undefined> {
    if (excludedOf(alternative).some(isSchema)) this.#leave(alternative, "not");
    const names = namesOf(alternative);
    const required = new Set(alternative.flatMap(({ schema }) => namesIn(schema["required"])));
    const more = yield* this.#others(alternative, names, depth);
    const pairs: Pair[] = [];
    for (const name of names) {
      const value = yield* this.#property(name, alternative, depth, required.has(name));
      yield;
      if (value === undefined) {
        if (required.has(name)) return undefined;
        continue;
      }
      if (value === "forbidden") {
        required.delete(name);
        continue;
      }
      pairs.push({
        pair: `${literal(JSON.stringify(name))} ":" ws ${value}`,
        isRequired: required.has(name),
      });
    }
    const min = this.#most(alternative, "minProperties") ?? 0;
    const max = this.#least(alternative, "maxProperties") ?? Infinity;
    const made = objectRule(pairs, more, { min, max }, (expression) => this.#rule(expression));
    if (made === "too large") {
      this.#leave(alternative, "minProperties", "maxProperties");
      const free = { min: 0, max: Infinity };
      return objectRule(pairs, more, free, (expression) => this.#rule(expression));
    }
    return made;
  }

  /**
   * The value of a property.
   *
   * @returns undefined if no value satisfies it; "forbidden" if it is required but only one of
   * several schemas would have it
   */
  *#property(
    name: string,
    alternative: Alternative,
    depth: number,
    isRequired: boolean,
  ): Making<string | undefined> {
    const nodes = new Set<Node>();
    let isDeclared = false;
    const closed: Node[] = [];
    for (const node of alternative) {
      const { schema, at } = node;
      const own: [schema: unknown, at: string][] = [];
      if (isSchema(schema["properties"]) && Object.hasOwn(schema["properties"], name)) {
        own.push([schema["properties"][name], `${at}.properties.${name}`]);
      }
      for (const [pattern, value] of entriesOf(schema["patternProperties"])) {
        if (this.#check.matches(pattern, name)) {
          own.push([value, `${at}.patternProperties.${pattern}`]);
        }
      }
      if (own.length > 0) isDeclared = true;
      else if (schema["additionalProperties"] === false) closed.push(node);
      else if (schema["additionalProperties"] !== undefined) {
        own.push([schema["additionalProperties"], `${at}.additionalProperties`]);
      }
      for (const [value, place] of own) {
        const found = this.#reader.nodesOf(value, place);
        if (!found) return undefined;
        for (const each of found) nodes.add(each);
      }
      if (schema["propertyNames"] !== undefined && !this.#allowsName(schema, name)) {
        return undefined;
      }
    }
    if (closed.length > 0) {
      if (!isRequired) return undefined;
      // One schema wants what another forbids: no object satisfies both, and many mean one.
      this.#leave(closed, isDeclared ? "additionalProperties" : "required");
      if (!isDeclared) return "forbidden";
    }
    return yield* this.#value([...nodes], depth + 1);
  }

  #allowsName(schema: Schema, name: string): boolean {
    try {
      return this.#check.isValid(schema["propertyNames"], name);
    } catch (error) {
      if (error instanceof TooMuchWork) return true;
      throw error;
    }
  }

  /** An expression for a pair of a name that is not declared; undefined if there is none. */
  *#others(
    alternative: Alternative,
    names: readonly string[],
    depth: number,
  ): Making<string | undefined> {
    const patterns = alternative.flatMap(({ schema, at }) =>
      entriesOf(schema["patternProperties"]).map(([pattern, value]) => ({
        ...{ pattern, value, at: `${at}.patternProperties.${pattern}` },
        schema,
      }))
    );
    const isOpen = isOpenObject(alternative);
    if (!isOpen && patterns.length === 0) return undefined;
    const base = this.#nameLanguage(alternative, names);
    const isTooMany = patterns.length > MAX_NAME_PATTERNS;
    const languages = isTooMany
      ? []
      : patterns.map(({ pattern }) => patternLanguage(pattern, this.#work));
    if (isTooMany || languages.some((each) => !each)) {
      // Any of the names may then have any value.
      for (const { at } of patterns) this.#unheld.add(at);
      return yield* this.#otherPair(base, []);
    }
    const pairs: string[] = [];
    for (let some = 0; some < 2 ** patterns.length; some++) {
      const chosen = patterns.filter((_, index) => some >> index & 1);
      if (some === 0 && !isOpen) continue;
      const nodes = this.#otherNodes(alternative, chosen);
      if (!nodes) continue;
      const dfa = languages.reduce<Dfa | undefined>((all, language, index) => {
        const part = some >> index & 1 ? language! : othersThan(language!, this.#work);
        return all ? bothOf(all, part, this.#work) : part;
      }, base);
      const pair = yield* this.#otherPair(dfa, nodes, depth);
      if (pair !== undefined) pairs.push(pair);
    }
    if (pairs.length < 2) return pairs[0];
    return this.#rule(pairs.join(" | "));
  }

  /** What the value of a name satisfies that matches some patterns and no others. */
  #otherNodes(
    alternative: Alternative,
    chosen: readonly { readonly value: unknown; readonly at: string; readonly schema: Schema }[],
  ): readonly Node[] | undefined {
    const nodes = new Set<Node>();
    for (const { schema, at } of alternative) {
      const own: [schema: unknown, at: string][] = chosen.filter((each) => each.schema === schema)
        .map(({ value, at }) => [value, at]);
      const rest = schema["additionalProperties"] ?? schema["unevaluatedProperties"];
      if (own.length === 0 && rest !== undefined) own.push([rest, `${at}.additionalProperties`]);
      for (const [value, place] of own) {
        const found = this.#reader.nodesOf(value, place);
        if (!found) return undefined;
        for (const each of found) nodes.add(each);
      }
    }
    return [...nodes];
  }

  *#otherPair(
    dfa: Dfa | undefined,
    nodes: readonly Node[],
    depth = 0,
  ): Making<string | undefined> {
    if (dfa?.length === 0) return undefined;
    const value = yield* this.#value(nodes, depth + 1);
    if (value === undefined) return undefined;
    return this.#rule(`${dfa ? this.#automaton(dfa, "string") : "string"} ":" ws ${value}`);
  }

  /** The names that are not declared; undefined if they may be any. */
  #nameLanguage(alternative: Alternative, names: readonly string[]): Dfa | undefined {
    const parts: (readonly [place: Place, make: () => Dfa | undefined])[] = [];
    for (const { schema, at } of alternative) {
      const given = schema["propertyNames"];
      if (given === undefined) continue;
      const place = `${at}.propertyNames`;
      const found = this.#reader.nodesOf(given, place);
      const alternatives = found ? this.#reader.alternatives(found) : [];
      if (alternatives.length === 0) return [];
      if (alternatives.length > 1) this.#unheld.add(place);
      else parts.push([place, () => this.#language(alternatives[0]!)]);
    }
    if (names.length > 0) {
      const place = `${alternative[0]!.at}.additionalProperties`;
      parts.push([place, () => othersThan(textsOf(names, this.#work), this.#work)]);
    }
    let all: Dfa | undefined;
    for (const [place, make] of parts) {
      const both = withinBounds(() => {
        const part = make();
        if (!part) return all ?? [];
        return all ? bothOf(all, part, this.#work) : part;
      });
      if (both) all = both;
      else this.#unheld.add(place);
    }
    return all;
  }

  *#array(alternative: Alternative, depth: number): Making<string | undefined> {
    if (excludedOf(alternative).some(Array.isArray)) this.#leave(alternative, "not");
    const items = alternative.map((node) => ({ ...itemsOf(node.schema), node }));
    const count = Math.max(...items.map(({ first }) => first.length));
    const nodesAt = (index: number) => {
      const nodes = new Set<Node>();
      for (const { first, others, node: { at } } of items) {
        const isFirst = index < first.length;
        const inner = isFirst ? first[index] : others;
        if (inner === undefined) continue;
        const found = this.#reader.nodesOf(
          inner,
          isFirst ? `${at}.prefixItems.${index}` : `${at}.items`,
        );
        if (!found) return undefined;
        for (const each of found) nodes.add(each);
      }
      return [...nodes];
    };
    const first: string[] = [];
    while (first.length < count) {
      const nodes = nodesAt(first.length);
      const value = nodes && (yield* this.#value(nodes, depth + 1));
      if (value === undefined) break;
      first.push(this.#rule(value));
      yield;
    }
    const isOpen = count === 0 || items.some(({ others }) => others !== undefined);
    const isOver = alternative.some(({ schema }) => schema["unevaluatedItems"] === false) &&
      !items.some(({ others }) => others !== undefined);
    const isCut = first.length < count;
    let max = this.#least(alternative, "maxItems") ?? Infinity;
    const least = this.#most(alternative, "minItems");
    let min = least ?? Math.min(isCut ? 0 : count, max);
    const times = Math.max(min, max === Infinity ? 0 : max) - count;
    if (isOpen && times > 0 && !this.#mayRepeat(times)) {
      this.#leave(alternative, "minItems", "maxItems");
      [min, max] = [Math.min(min, count), Infinity];
    }
    const restNodes = isOpen && !isOver && !isCut && max > count ? nodesAt(count) : undefined;
    const rest = restNodes && (yield* this.#value(restNodes, depth + 1));
    for (const { schema, at } of alternative) {
      for (const key of ["contains", "unevaluatedItems"]) {
        if (
          schema[key] !== undefined &&
          !(key === "unevaluatedItems" && (isOver || schema[key] === true))
        ) {
          this.#unheld.add(`${at}.${key}`);
        }
      }
      if (schema["uniqueItems"] === true && max > 1) this.#unheld.add(`${at}.uniqueItems`);
    }
    const limits = { min, max };
    return arrayRule(first, rest, limits, (expression) => this.#rule(expression));
  }

  #string(alternative: Alternative): string | undefined {
    const min = this.#most(alternative, "minLength") ?? 0;
    const max = this.#least(alternative, "maxLength") ?? Infinity;
    if (min > max) return undefined;
    const dfa = this.#language(alternative);
    if (dfa) return dfa.length === 0 ? undefined : this.#rule(this.#automaton(dfa, "string"));
    if (min === 0 && max === Infinity) return "string";
    if (!this.#mayRepeat(max === Infinity ? min : max)) {
      this.#leave(alternative, "minLength", "maxLength");
      return "string";
    }
    return this.#shared(`"\\"" char{${min},${max === Infinity ? "" : max}} "\\""`);
  }

  /** The texts of an alternative; undefined if lengths alone restrict them, or nothing does. */
  #language(alternative: Alternative): Dfa | undefined {
    let all: Dfa | undefined;
    const and = (place: Place, make: () => Dfa | undefined) => {
      const both = withinBounds(() => {
        const part = make();
        if (!part) throw new TooMuchWork();
        return all ? bothOf(all, part, this.#work) : part;
      });
      if (both) all = both;
      else this.#unheld.add(place);
    };
    for (const node of alternative) {
      const { schema, at, excludes } = node;
      const { pattern, format } = schema;
      if (typeof pattern === "string") {
        and(`${at}.pattern`, () => patternLanguage(pattern, this.#work));
      }
      if (formatPattern(format) !== undefined) {
        and(`${at}.format`, () => formatLanguage(format, this.#work));
      }
      if (!excludes) continue;
      const not = schema["not"] as Schema;
      if (typeof not["pattern"] === "string") {
        const excluded = not["pattern"];
        and(`${at}.not`, () => {
          const dfa = patternLanguage(excluded, this.#work);
          return dfa && othersThan(dfa, this.#work);
        });
      }
      const texts = namesIn(not["enum"]);
      if (texts.length > 0) {
        and(`${at}.not`, () => othersThan(textsOf(texts, this.#work), this.#work));
      }
    }
    const listed = alternative.flatMap(({ schema }) =>
      listedValues(schema) ? [listedValues(schema)!] : []
    );
    for (const values of listed) {
      and(alternative[0]!.at, () => textsOf(namesIn(values), this.#work));
    }
    if (!all) return undefined;
    const min = this.#most(alternative, "minLength") ?? 0;
    const max = this.#least(alternative, "maxLength") ?? Infinity;
    if (min === 0 && max === Infinity) return all;
    const held = all;
    const both = withinBounds(() => bothOf(held, lengthsOf(min, max, this.#work), this.#work));
    if (!both) this.#leave(alternative, "minLength", "maxLength");
    return both ?? all;
  }

  #number(type: "integer" | "number", alternative: Alternative): string | undefined {
    const bounds = tightest(alternative);
    const steps = alternative.flatMap(({ schema, at }) =>
      isNumber(schema["multipleOf"]) ? [{ step: schema["multipleOf"], at: `${at}.multipleOf` }] : []
    );
    const excluded = excludedOf(alternative).filter(isNumber);
    if (excluded.length > 0 && type === "number") this.#leave(alternative, "not");
    const isInteger = type === "integer";
    const isFree = bounds.min === -Infinity && bounds.max === Infinity;
    if (isFree && steps.length === 0 && (excluded.length === 0 || !isInteger)) return type;
    const low = leastInteger(bounds.min, bounds.isMinOpen);
    const high = mostInteger(bounds.max, bounds.isMaxOpen);
    if (bounds.min > bounds.max || isInteger && low > high) return undefined;
    if (isInteger && steps.length === 0 && excluded.length === 0) {
      const range = integerRange(low, high);
      if (range !== undefined) return this.#shared(range);
      this.#leaveBounds(alternative);
      return "integer";
    }
    const isFromZero = !isInteger && bounds.min == 0 && !bounds.isMinOpen &&
      bounds.max === Infinity && steps.length === 0;
    if (isFromZero) return this.#shared(FROM_ZERO);
    const pattern = isInteger
      ? anchored(integerPattern(
        low < -MOST_DIGITS ? -MOST_DIGITS : low,
        high > MOST_DIGITS ? MOST_DIGITS : high,
      ))
      : numberPattern(bounds);
    if (pattern !== undefined && steps.length === 0 && excluded.length === 0) {
      return this.#shared(numberExpression(pattern));
    }
    const dfa = pattern === undefined ? undefined : patternLanguage(pattern, this.#work);
    if (!dfa) {
      for (const { at } of steps) this.#unheld.add(at);
      if (excluded.length > 0) this.#leave(alternative, "not");
      if (pattern !== undefined) return this.#shared(numberExpression(pattern));
      this.#leaveBounds(alternative);
      return type;
    }
    let all: Dfa = dfa;
    const and = (at: Place, make: () => Dfa | undefined) => {
      const both = withinBounds(() => {
        const part = make();
        if (!part) throw new TooMuchWork();
        return bothOf(all, part, this.#work);
      });
      if (both) all = both;
      else this.#unheld.add(at);
    };
    for (const { step, at } of steps) and(at, () => multiplesOf(step));
    if (isInteger && excluded.length > 0) {
      const texts = excluded.map(String);
      and(`${alternative[0]!.at}.not`, () => othersThan(textsOf(texts, this.#work), this.#work));
    }
    return all.length === 0 ? undefined : this.#shared(this.#automaton(all, "bare"));
  }

  #automaton(dfa: Dfa, writing: Writing): string {
    return dfaRules(dfa, writing, () => this.#newName(), (name, rule) => this.#addRule(name, rule));
  }

  /** The largest of a figure in several schemas, up to what llama.cpp can repeat. */
  #most(alternative: Alternative, key: string): number | undefined {
    const figures = this.#figures(alternative, key);
    if (figures.length === 0) return undefined;
    const most = Math.max(...figures);
    if (most > this.#maxRepeats) this.#leave(alternative, key);
    return Math.min(most, this.#maxRepeats);
  }

  /** The smallest; undefined if llama.cpp cannot repeat as often. */
  #least(alternative: Alternative, key: string): number | undefined {
    const figures = this.#figures(alternative, key);
    if (figures.length === 0) return undefined;
    const least = Math.min(...figures);
    if (least <= this.#maxRepeats) return least;
    this.#leave(alternative, key);
    return undefined;
  }

  /** Counts repetitions that are written; false if there are too many by now. */
  #mayRepeat(times: number): boolean {
    if (this.#repeats + times > MAX_ALL_REPEATS) return false;
    this.#repeats += times;
    return true;
  }

  get #maxRepeats(): number {
    return this.#detail === "all" ? MAX_REPEATS : FEW_REPEATS;
  }

  #figures(alternative: Alternative, key: string): number[] {
    return alternative.flatMap(({ schema }) =>
      schema[key] === undefined ? [] : Number(schema[key])
    );
  }

  #leaveBounds(alternative: Alternative): void {
    for (const { schema, at } of alternative) {
      for (const bound of Object.values(boundsOf(schema))) this.#unheld.add(`${at}.${bound.key}`);
    }
  }

  #leave(alternative: Alternative, ...keys: readonly string[]): void {
    for (const { schema, at } of alternative) {
      for (const key of keys) if (schema[key] !== undefined) this.#unheld.add(`${at}.${key}`);
    }
  }

  /** A rule for an expression that many places may have, such as a range of integers. */
  #shared(expression: string): string {
    if (isShort(expression)) return expression;
    const name = this.#ranges.get(expression) ?? this.#rule(expression);
    this.#ranges.set(expression, name);
    return name;
  }

  #rule(expression: string): string {
    if (isShort(expression)) return expression;
    const name = this.#newName();
    this.#addRule(name, expression);
    return name;
  }

  #newName(): string {
    return `${this.#prefix}r${this.#count++}`;
  }

  #addRule(name: string, expression: string): void {
    if (this.#count > MAX_RULES) throw new TooManyRules();
    this.rules[name] = expression;
  }

  /** Records an error; the walk goes on to find all of them. */
  #refuse(field: string, message: string): void {
    if (!this.errors.some((error) => error.field === field)) this.errors.push({ field, message });
  }
}

type Type = typeof TYPES[number];

/** Keywords that do not restrict values. */
const ANNOTATIONS = ["title", "description", "default", "examples", "$defs", "definitions", "type"];

/** Whether an expression is a rule's name or reads nothing. */
function isShort(expression: string): boolean {
  return expression.length <= 20 && /^([\w-]+|"")$/.test(expression);
}

/** Counts objects and lists, and a tenth of what they hold, up to a bit more than `most`. */
function countObjects(value: unknown, most: number): number {
  let count = 0;
  const left = [value];
  while (left.length > 0 && count <= most) {
    const values: readonly unknown[] = Object.values(left.pop() as object);
    count += 1 + values.length / 10;
    for (const each of values) {
      if (typeof each === "object" && each !== null) left.push(each);
    }
  }
  return count;
}

function keyOf(what: string, nodes: readonly Node[]): string {
  return `${what} ${nodes.map(({ id }) => id).sort((one, other) => one - other).join()}`;
}

function anchored(pattern: string | undefined): string | undefined {
  return pattern === undefined ? undefined : `^${pattern}$`;
}

function namesIn(list: unknown): readonly string[] {
  return Array.isArray(list) ? list.filter((each) => typeof each === "string") : [];
}

function entriesOf(map: unknown): readonly (readonly [string, unknown])[] {
  return isSchema(map) ? Object.entries(map) : [];
}

/** Names that any of the schemas declares or requires, in their order. */
function namesOf(alternative: Alternative): readonly string[] {
  const names = new Set<string>();
  for (const { schema } of alternative) {
    for (const [name] of entriesOf(schema["properties"])) names.add(name);
  }
  for (const { schema } of alternative) {
    for (const name of namesIn(schema["required"])) names.add(name);
  }
  return [...names];
}

/** Whether an object may have names that are not declared. */
function isOpenObject(alternative: Alternative): boolean {
  if (alternative.some(({ schema }) => schema["additionalProperties"] === false)) return false;
  if (alternative.some(({ schema }) => schema["additionalProperties"] !== undefined)) return true;
  if (alternative.some(({ schema }) => schema["unevaluatedProperties"] === false)) return false;
  return !alternative.some(({ schema, isCondition }) =>
    !isCondition && isSchema(schema["properties"])
  );
}

/** Values that must not be, of all nodes that exclude some. */
function excludedOf(alternative: Alternative): readonly unknown[] {
  return alternative.flatMap(({ schema, excludes }) => {
    const values = excludes ? (schema["not"] as Schema)["enum"] : undefined;
    return Array.isArray(values) ? values : [];
  });
}

/** The tightest bounds of several schemas. */
function tightest(alternative: Alternative): Bounds {
  let min: JsonNumber = -Infinity;
  let max: JsonNumber = Infinity;
  let [isMinOpen, isMaxOpen] = [false, false];
  for (const { schema } of alternative) {
    const own = boundsOf(schema);
    if (own.min && (own.min.value > min || own.min.value == min && own.min.isOpen)) {
      [min, isMinOpen] = [own.min.value, own.min.isOpen];
    }
    if (own.max && (own.max.value < max || own.max.value == max && own.max.isOpen)) {
      [max, isMaxOpen] = [own.max.value, own.max.isOpen];
    }
  }
  return { min, isMinOpen, max, isMaxOpen };
}
