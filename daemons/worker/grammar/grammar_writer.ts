import { MAX_INNER_JSON_LEVELS } from "#shared/defaults.ts";
import type { FieldError } from "#shared/errors.ts";
import { hasMoreLevels } from "#shared/json_levels.ts";
import { excludedOf, typesOf } from "./alternative.ts";
import { arrayValue } from "./array_value.ts";
import type { Detail, Place } from "./detail.ts";
import { exactly, jsonText } from "./exact_json.ts";
import type { Making } from "./in_turns.ts";
import { choiceOf, listedIn } from "./listed_values.ts";
import { literal } from "./literal_choice.ts";
import { Work } from "./nfa.ts";
import { numberValue } from "./number_value.ts";
import { objectValue } from "./object_value.ts";
import { Repeats } from "./repeats.ts";
import { isShort, RuleBook, TooManyRules } from "./rule_book.ts";
import { impliedTypes, namedTypes, type Schema } from "./schema.ts";
import { SchemaCheck } from "./schema_check.ts";
import {
  type Alternative,
  type Node,
  restricts,
  SchemaReader,
  type SchemaReport,
} from "./schema_reader.ts";
import { stringValue } from "./string_value.ts";
import { Unheld } from "./unheld.ts";
import type { ValueContext } from "./value_context.ts";

/** Deepest nesting. */
const MAX_DEPTH = 64;
/** From this depth on, a definition is made after all else. */
const FAR_DEPTH = 16;
/** A rule that no text follows, as none has a NUL. */
const NOTHING = '"\\x00"';
/** Most objects within a schema; larger grammars are slow. */
const MAX_OBJECTS = 3_000;
/** Steps for all patterns and lists of one schema. */
const MAX_WORK = 40_000;

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
  readonly errors: FieldError[] = [];
  readonly #root: Schema;
  readonly #isLarge: boolean;
  /** Whether it is large and nested deeper than any request may be. */
  readonly #isDeep: boolean;
  readonly #field: string;
  readonly #detail: Detail;
  readonly #context: ValueContext;
  /** Values by the nodes that they satisfy, so that a schema may contain itself. */
  readonly #values = new Map<string, Entry>();
  readonly #later: { readonly name: string; readonly nodes: readonly Node[] }[] = [];
  /** The first place that allows nothing. */
  #empty: Place | undefined;

  constructor(schema: Schema, field: string, options: GrammarOptions = {}) {
    const { prefix = "", detail = "all" } = options;
    // A schema that is too large is not walked through: it may be nested too deep for that, too.
    this.#isLarge = countObjects(schema, MAX_OBJECTS) > MAX_OBJECTS;
    this.#isDeep = this.#isLarge && hasMoreLevels(schema, MAX_INNER_JSON_LEVELS);
    const root = this.#isLarge ? schema : exactly(schema);
    this.#root = root;
    this.#field = field;
    this.#detail = detail;
    const unheld = new Unheld();
    const report: SchemaReport = {
      refuse: (at, message) => this.#refuse(at, message),
      leave: (at) => unheld.add(at),
    };
    this.#context = {
      ...{ unheld, book: new RuleBook(prefix), repeats: new Repeats(detail, unheld) },
      reader: new SchemaReader(root, field, report, detail !== "all"),
      check: new SchemaCheck(root, new Work(MAX_WORK)),
      // Automata are written with all detail only.
      work: new Work(detail === "all" ? MAX_WORK : 0),
      value: (nodes, depth) => this.#value(nodes, depth),
    };
  }

  get rules(): Readonly<Record<string, string>> {
    return this.#context.book.rules;
  }

  /** Keywords that the rules do not hold, or not wholly. */
  get unheld(): readonly Place[] {
    return this.#context.unheld.places;
  }

  /**
   * Converts the whole schema to an expression for any position in a rule. It may be interrupted after
   * each property, item and choice.
   */
  *expression(): Making<string> {
    if (this.#isDeep) {
      this.#refuse(this.#field, `has more than ${MAX_INNER_JSON_LEVELS} levels`);
      return "value";
    }
    if (this.#detail === "type") return this.#typeOnly();
    if (this.#isLarge) throw new TooManyRules();
    const nodes = this.#context.reader.nodesOf(this.#root, this.#field) ?? [];
    const value = yield* this.#value(nodes, 0);
    for (let next = this.#later.pop(); next; next = this.#later.pop()) {
      this.#context.book.add(next.name, (yield* this.#choicesOf(next.nodes, 0)) ?? NOTHING);
    }
    if (value !== undefined) return value;
    if (this.errors.length === 0) {
      this.#refuse(this.#empty ?? this.#field, "allows no value");
    }
    return "value";
  }

  #typeOnly(): string {
    this.#context.unheld.add(this.#field);
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
    const isFar = depth > FAR_DEPTH && nodes.every((node) => this.#context.reader.isTarget(node));
    return isFar
      ? this.#laterOnce(nodes)
      : yield* this.#once("value", nodes, () => this.#choicesOf(nodes, depth));
  }

  /** Definitions that refer to each other in a long row are not nested: each is made by itself. */
  #laterOnce(nodes: readonly Node[]): string | undefined {
    const key = keyOf("value", nodes);
    const known = this.#values.get(key);
    if (known) return this.#again(known);
    const name = this.#context.book.newName();
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
    this.#context.book.add(entry.name, expression ?? NOTHING);
    return expression === undefined ? undefined : entry.name;
  }

  /** A value that was needed before, or contains itself. */
  #again(entry: Entry): string | undefined {
    if ("expression" in entry && entry.name === undefined) {
      const { expression } = entry;
      if (expression === undefined || isShort(expression)) return expression;
      entry.name = this.#context.book.rule(expression);
    }
    return entry.name ??= this.#context.book.newName();
  }

  *#choicesOf(nodes: readonly Node[], depth: number): Making<string | undefined> {
    const expression = yield* this.#choices(nodes, depth);
    if (expression === undefined) this.#empty ??= nodes[0]!.at;
    return expression;
  }

  *#choices(nodes: readonly Node[], depth: number): Making<string | undefined> {
    const { reader, check, unheld } = this.#context;
    const choices = new Set<string>();
    const texts = new Set<string>();
    for (const alternative of reader.alternatives(nodes)) {
      const values = listedIn(alternative, check, unheld);
      if (values) {
        for (const value of values) texts.add(jsonText(value));
        continue;
      }
      for (const type of typesOf(alternative) ?? ["value"]) {
        // Schemas that only led here say nothing themselves.
        const own = alternative.filter(restricts);
        const expression = yield* this.#once(type, own, () => this.#typed(type, own, depth));
        if (expression !== undefined) choices.add(expression);
      }
      yield;
    }
    if (texts.size > 0) choices.add(choiceOf([...texts], nodes, unheld));
    if (choices.size < 2) return [...choices][0];
    return `(${[...choices].join(" | ")})`;
  }

  *#typed(type: string, alternative: Alternative, depth: number): Making<string | undefined> {
    switch (type) {
      case "object":
        return yield* objectValue(alternative, depth, this.#context);
      case "array":
        return yield* arrayValue(alternative, depth, this.#context);
      case "string":
        return stringValue(alternative, this.#context);
      case "integer":
      case "number":
        return numberValue(type, alternative, this.#context);
      case "boolean":
      case "null":
        return wordValue(type, alternative);
      default:
        return "value";
    }
  }

  /** Records an error; the walk goes on to find all of them. */
  #refuse(field: string, message: string): void {
    if (!this.errors.some((error) => error.field === field)) this.errors.push({ field, message });
  }
}

/** The words of a type that are not excluded. */
function wordValue(type: "boolean" | "null", alternative: Alternative): string | undefined {
  const values = type === "null" ? [null] : [true, false];
  const left = values.filter((value) => !excludedOf(alternative).some((each) => each === value));
  if (left.length === values.length) return type;
  return left.length === 0 ? undefined : literal(JSON.stringify(left[0]));
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
