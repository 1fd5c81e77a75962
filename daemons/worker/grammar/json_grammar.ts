import { type FieldError, invalidRequest } from "#shared/errors.ts";
import { integerRange } from "./integer_range.ts";
import { literal, literalChoice } from "./literal_choice.ts";

type Schema = Readonly<Record<string, unknown>>;

/** Keywords that do not restrict values. */
const ANNOTATIONS = new Set([
  "$schema",
  "$id",
  "$comment",
  "$defs",
  "definitions",
  "title",
  "description",
  "default",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
]);

/** Supported keywords, by the kind of value that they apply to. */
const KEYWORDS: Readonly<Record<string, readonly string[]>> = {
  any: ["$ref", "anyOf", "oneOf", "enum", "const", "type"],
  object: ["properties", "required", "additionalProperties"],
  array: ["items", "minItems", "maxItems"],
  string: ["minLength", "maxLength", "format"],
  integer: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
};
/** Keywords that define a value alone: other keywords beside them are not supported. */
const WHOLE = ["$ref", "anyOf", "oneOf"];
const KNOWN = new Set(Object.values(KEYWORDS).flat());

/** Rules that every grammar may refer to. */
const BASE: Readonly<Record<string, string>> = {
  "ws": '"" | " " | "\\n" [ \\t]{0,20}',
  "char": '[^"\\\\\\x7F\\x00-\\x1F] | "\\\\" (["\\\\/bfnrt] | "u" [0-9a-fA-F]{4})',
  "string": '"\\"" char* "\\""',
  "integer": '"-"? ("0" | [1-9] [0-9]{0,14})',
  "number": 'integer ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?',
  "boolean": '"true" | "false"',
  "null": '"null"',
  "pair": 'string ":" ws value',
  "object": '"{" ws (pair (ws "," ws pair)* ws)? "}"',
  "array": '"[" ws (value (ws "," ws value)* ws)? "]"',
  "value": "object | array | string | number | boolean | null",
};

const DATE = '[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [12] [0-9] | "3" [01])';
const TIME = '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{3})? ' +
  '("Z" | [+-] ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9])';
const HEX = "[0-9a-f]";
/** Supported formats; others are annotations, as the standard allows. */
const FORMATS: Readonly<Record<string, string>> = {
  "date": DATE,
  "time": TIME,
  "date-time": `${DATE} "T" ${TIME}`,
  "uuid": `${HEX}{8} "-" ${HEX}{4} "-" ${HEX}{4} "-" ${HEX}{4} "-" ${HEX}{12}`,
};

/** Bounds of this size mean only that an integer is exact; some libraries write them. */
const EXACT = 999_999_999_999_999;

/** Limits of nesting and of rules; larger grammars are slow. */
const MAX_DEPTH = 64;
const MAX_RULES = 5_000;
/** llama.cpp refuses more repetitions of a rule. */
const MAX_REPEATS = 1_999;

/**
 * Makes a GBNF grammar of the JSON values that a schema allows. Objects have their properties in
 * the order of the schema, with or without optional ones, and little white space.
 *
 * @param field The schema's field in the request, for messages.
 * @param isStrict Refuses keywords that a grammar cannot express; otherwise they are ignored, and
 * the output may violate them.
 * @throws {LlorchError} `INVALID_REQUEST` that lists every unsupported keyword
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.match(jsonGrammar({ enum: ["a", 1] }, "json_schema"), /^root ::= /);
 * ```
 */
export function jsonGrammar(schema: Schema, field: string, isStrict = true): string {
  const writer = new GrammarWriter(schema, field, { isStrict });
  const root = writer.expression(schema, field, 0);
  if (writer.errors.length > 0) throw invalidRequest(writer.errors);
  return grammarText(root, writer.rules);
}

/** The text of a whole grammar: `root`, its own rules and the base rules. */
export function grammarText(root: string, own: Readonly<Record<string, string>>): string {
  const rules = { root, ...own, ...BASE };
  return Object.entries(rules).map(([name, rule]) => `${name} ::= ${rule}\n`).join("");
}

/** Options of a {@linkcode GrammarWriter}. */
export interface GrammarOptions {
  /** Prefix of the rules' names, if several schemas share a grammar. @default "" */
  readonly prefix?: string;
  /** Whether keywords that a grammar cannot express are refused, or ignored. */
  readonly isStrict: boolean;
}

/** Makes and collects the rules of one schema. */
export class GrammarWriter {
  readonly rules: Record<string, string> = {};
  readonly errors: FieldError[] = [];
  readonly #root: Schema;
  readonly #field: string;
  readonly #prefix: string;
  readonly #isStrict: boolean;
  /** Names of the rules for `$ref`s, so that a schema may contain itself. */
  readonly #refs = new Map<string, string>();
  #count = 0;

  constructor(root: Schema, field: string, options: GrammarOptions) {
    this.#root = root;
    this.#field = field;
    this.#prefix = options.prefix ?? "";
    this.#isStrict = options.isStrict;
  }

  /** Converts a schema to an expression for any position in a rule. */
  expression(node: unknown, at: string, depth: number): string {
    if (node === true) return "value";
    if (!isSchema(node)) return this.#refuse(at, "must be a schema: an object or true");
    if (depth > MAX_DEPTH) return this.#refuse(at, `is nested deeper than ${MAX_DEPTH}`);
    for (const key of Object.keys(node)) {
      if (KNOWN.has(key) || ANNOTATIONS.has(key)) continue;
      this.#leaveOut(`${at}.${key}`, "is not supported in a schema");
    }
    const whole = WHOLE.find((key) => node[key] !== undefined);
    for (const key of Object.keys(node)) {
      if (whole === undefined || key === whole || key === "type" || !KNOWN.has(key)) continue;
      this.#leaveOut(`${at}.${key}`, `is not supported beside ${whole}`);
    }
    if ("const" in node || node["enum"] !== undefined) {
      this.#leaveOutBounds(node, at, "is not supported beside enum or const");
    }
    if (node["$ref"] !== undefined) return this.#reference(node["$ref"], at, depth);
    if ("const" in node) return literal(JSON.stringify(node["const"]));
    const choices = node["enum"] ?? node["anyOf"] ?? node["oneOf"] ?? node["type"];
    if (Array.isArray(choices)) return this.#choice(node, choices, at, depth);
    return this.#typed(node, node["type"] ?? impliedType(node), at, depth);
  }

  #choice(node: Schema, choices: readonly unknown[], at: string, depth: number): string {
    const key = ["enum", "anyOf", "oneOf", "type"].find((name) => node[name] === choices)!;
    if (choices.length === 0) return this.#refuse(`${at}.${key}`, "must not be empty");
    if (key === "enum") return literalChoice(choices.map((choice) => JSON.stringify(choice)));
    const expressions = choices.map((choice, index) => {
      if (key === "type") return this.#typed(node, choice, at, depth);
      return this.expression(choice, `${at}.${key}.${index}`, depth + 1);
    });
    return `(${expressions.join(" | ")})`;
  }

  #typed(node: Schema, type: unknown, at: string, depth: number): string {
    switch (type) {
      case undefined:
      case "number":
        this.#leaveOutBounds(node, at, "is supported for type integer only");
        return type ?? "value";
      case "object":
        return this.#object(node, at, depth);
      case "array":
        return this.#array(node, at, depth);
      case "string":
        return this.#string(node, at);
      case "integer":
        return this.#integer(node, at);
      case "boolean":
      case "null":
        return type;
      default:
        return this.#refuse(`${at}.type`, `${JSON.stringify(type)} is not a type`);
    }
  }

  #object(node: Schema, at: string, depth: number): string {
    const { properties, required = [], additionalProperties } = node;
    if (properties !== undefined && !isSchema(properties)) {
      return this.#refuse(`${at}.properties`, "must be an object of schemas");
    }
    if (!Array.isArray(required)) return this.#refuse(`${at}.required`, "must be a list of names");
    const names = Object.keys(properties ?? {});
    for (const name of required.filter((each) => !names.includes(each))) {
      this.#leaveOut(`${at}.required`, `names ${JSON.stringify(name)}, which is no property`);
    }
    const open = additionalProperties ?? properties === undefined;
    let more = "";
    if (open !== false) {
      const value = this.expression(open, `${at}.additionalProperties`, depth + 1);
      more = this.#rule(`string ":" ws ${value}`);
    }
    const pairs = names.map((name) => {
      const value = this.expression(properties![name], `${at}.properties.${name}`, depth + 1);
      return {
        pair: this.#rule(`${literal(JSON.stringify(name))} ":" ws ${value}`),
        required: required.includes(name),
      };
    });
    return this.#rule(`"{" ws ${this.#pairs(pairs, more)} "}"`);
  }

  /** Pairs in order, with or without optional ones, separated by commas. */
  #pairs(pairs: readonly { pair: string; required: boolean }[], more: string): string {
    // From last to first: `after` follows another pair, `first` does not.
    let after = more ? `(ws "," ws ${more})* ws` : "ws";
    let first = more ? `(${more} (ws "," ws ${more})* ws)?` : '""';
    for (const { pair, required } of pairs.toReversed()) {
      const rest = this.#rule(after);
      const start = this.#rule(first);
      first = required ? `${pair} ${rest}` : `(${pair} ${rest} | ${start})`;
      after = required ? `ws "," ws ${pair} ${rest}` : `(ws "," ws ${pair} ${rest} | ${rest})`;
    }
    return first;
  }

  #array(node: Schema, at: string, depth: number): string {
    const min = this.#figure(node, "minItems", at) ?? 0;
    const max = this.#figure(node, "maxItems", at);
    if (max === 0) return '("[" ws "]")';
    const item = this.#rule(this.expression(node["items"] ?? true, `${at}.items`, depth + 1));
    const last = max === undefined ? "" : Math.max(max, min) - 1;
    const next = this.#rule(`ws "," ws ${item}`);
    const items = `${item} ${next}{${Math.max(0, min - 1)},${last}} ws`;
    return this.#rule(`"[" ws ${min > 0 ? items : `(${items})?`} "]"`);
  }

  #string(node: Schema, at: string): string {
    const format = FORMATS[String(node["format"])];
    if (format !== undefined) return this.#rule(`"\\"" ${format} "\\""`);
    const min = this.#figure(node, "minLength", at);
    const max = this.#figure(node, "maxLength", at);
    if (min === undefined && max === undefined) return "string";
    return this.#rule(`"\\"" char{${min ?? 0},${max ?? ""}} "\\""`);
  }

  #integer(node: Schema, at: string): string {
    const bounds = boundsOf(node);
    const wrong = bounds.find((key) => typeof node[key] !== "number");
    if (wrong !== undefined) {
      this.#leaveOut(`${at}.${wrong}`, "must be a number");
      return "integer";
    }
    const bound = (key: string, none: number) => node[key] as number | undefined ?? none;
    const min = bound("minimum", -Infinity);
    const max = bound("maximum", Infinity);
    const above = bound("exclusiveMinimum", -Infinity);
    const below = bound("exclusiveMaximum", Infinity);
    // The next whole number, since an exclusive bound may be a fraction.
    const low = Math.max(min, Math.floor(above) + 1);
    const high = Math.min(max, Math.ceil(below) - 1);
    if (low <= -EXACT && high >= EXACT) return "integer";
    const range = integerRange(low, high);
    if (range !== undefined) return this.#rule(range);
    this.#leaveOut(`${at}.${bounds[0]}`, "leaves no integer of at most 15 digits");
    return "integer";
  }

  #reference(ref: unknown, at: string, depth: number): string {
    const known = this.#refs.get(String(ref));
    if (known !== undefined) return known;
    const path = /^#(?:\/(.*))?$/.exec(String(ref));
    if (!path) return this.#refuse(`${at}.$ref`, "must point into this schema: #/$defs/…");
    const steps = path[1] === undefined ? [] : path[1].split("/");
    const target = steps.reduce<unknown>(
      (node, step) => isSchema(node) ? node[unescapePointer(step)] : undefined,
      this.#root,
    );
    if (target === undefined) return this.#refuse(`${at}.$ref`, `${ref} is not in this schema`);
    const name = `${this.#prefix}r${this.#count++}`;
    this.#refs.set(String(ref), name);
    const place = [this.#field, ...steps].join(".");
    // A rule for the target, so that a schema may contain itself.
    this.rules[name] = this.expression(target, place, depth + 1);
    return name;
  }

  #figure(node: Schema, key: string, at: string): number | undefined {
    const value = node[key];
    if (value === undefined) return undefined;
    if (!Number.isInteger(value) || Number(value) < 0) {
      this.#refuse(`${at}.${key}`, "must be a whole number from 0");
    } else if (Number(value) <= MAX_REPEATS) return Number(value);
    else this.#leaveOut(`${at}.${key}`, `is supported up to ${MAX_REPEATS} only`);
    return undefined;
  }

  #rule(expression: string): string {
    const name = `${this.#prefix}r${this.#count++}`;
    if (this.#count > MAX_RULES) this.#refuse(this.#field, "is too large");
    else this.rules[name] = expression;
    return name;
  }

  #leaveOutBounds(node: Schema, at: string, message: string): void {
    for (const key of boundsOf(node)) this.#leaveOut(`${at}.${key}`, message);
  }

  /** Handles what a grammar cannot express: an error if strict, otherwise ignored. */
  #leaveOut(field: string, message: string): void {
    if (this.#isStrict) this.#refuse(field, message);
  }

  /** Records an error; returns any expression, so that the walk continues and finds all errors. */
  #refuse(field: string, message: string): string {
    if (!this.errors.some((error) => error.field === field)) this.errors.push({ field, message });
    return "value";
  }
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The bounds of a number in a schema. */
function boundsOf(node: Schema): string[] {
  return KEYWORDS["integer"]!.filter((key) => node[key] !== undefined);
}

/** The type that the keywords of a schema without `type` imply. */
function impliedType(node: Schema): string | undefined {
  return ["object", "array", "string"].find((type) =>
    KEYWORDS[type]!.some((key) => node[key] !== undefined)
  );
}

function unescapePointer(step: string): string {
  return decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
}
