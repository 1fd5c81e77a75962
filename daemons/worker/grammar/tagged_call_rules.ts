import type { Tool } from "#shared/contracts/tools.ts";
import { isRecord } from "#shared/json.ts";
import { isString, valueTypes } from "../chat/value_types.ts";
import type { TaggedForm } from "../chat/syntax.ts";
import type { Detail } from "./detail.ts";
import type { Making } from "./in_turns.ts";
import { literal, literalChoice, literalChoiceWith } from "./literal_choice.ts";
import { propertyRule, type Rules } from "./schema_rule.ts";
import { argumentsSchema } from "./tool_grammar.ts";
import { untilRules } from "./until_rules.ts";

/** What a value says where its mark does not say that it is a string. */
const NO_STRING = "false";
/** Arguments of a function of whose properties its schema says nothing. */
const MAX_FREE = 64;

/**
 * Writes a name and the arguments after it, each between marks. Strings are any text up to their
 * mark; other values are JSON by their schema.
 *
 * @param end The mark that ends the call.
 * @returns undefined where that is not known well enough
 */
export function* taggedCall(
  tools: readonly Tool[],
  form: TaggedForm,
  end: string | undefined,
  detail: Detail,
  rules: Rules,
): Making<string | undefined> {
  const { nameEnd, stringHint } = form;
  // Behind such a mark something follows that differs from call to call.
  const isWhole = nameEnd === "" || /[>\]|]$/.test(nameEnd);
  if (end === undefined || !isWhole || form.keyEnds.length === 0) return undefined;
  if (stringHint !== undefined && stringHint !== "true") return undefined;
  const values = new TaggedValues(form, detail, rules);
  const begin = nameEnd === "" ? "gap" : `${literal(nameEnd)} gap`;
  const named = new Map<string, string>();
  for (const [index, tool] of tools.entries()) {
    const args = yield* values.arguments(argumentsSchema(tool), `p${index}x`);
    if (args === undefined) return undefined;
    named.set(tool.function.name, `${begin} ${args}`);
    yield;
  }
  return `${literalChoiceWith(named)} ${literal(end)}`;
}

class TaggedValues {
  readonly #form: TaggedForm;
  readonly #detail: Detail;
  readonly #rules: Rules;
  /** Names of the rules that read up to a mark. */
  readonly #until = new Map<string, string>();

  constructor(form: TaggedForm, detail: Detail, rules: Rules) {
    this.#form = form;
    this.#detail = detail;
    this.#rules = rules;
  }

  /** All arguments of a function, in the order of its schema; undefined if they cannot be held. */
  *arguments(schema: Record<string, unknown>, prefix: string): Making<string | undefined> {
    const properties = isRecord(schema["properties"]) ? schema["properties"] : {};
    const keys = Object.keys(properties);
    const isPlain = ["$ref", "allOf", "anyOf", "oneOf", "patternProperties"]
      .every((key) => schema[key] === undefined);
    if (!isPlain || keys.length === 0 && isRecord(schema["additionalProperties"])) {
      return this.#freeArguments();
    }
    if (keys.some((key) => key !== key.trim() || /[<>"\n\]]/.test(key))) {
      return this.#freeArguments();
    }
    const required = Array.isArray(schema["required"]) ? schema["required"] : [];
    const pairs: string[] = [];
    for (const [index, key] of keys.entries()) {
      const pair = `${prefix}${index}`;
      this.#rules[pair] = yield* this.#pair(key, properties[key], schema, `${prefix}v${index}x`);
      pairs.push(required.includes(key) ? pair : `${pair}?`);
    }
    return pairs.length === 0 ? '""' : pairs.join(" ");
  }

  *#pair(
    key: string,
    schema: unknown,
    root: Record<string, unknown>,
    prefix: string,
  ): Making<string> {
    const form = this.#form;
    const close = form.close + (form.keyInClose === undefined ? "" : key + form.keyInClose);
    const types = valueTypes(schema, root);
    const start = `${literal(form.key)} ${literal(key)}`;
    const text = this.#text(schema, close);
    const json = () => this.#json(schema, root, types, close, prefix);
    if (form.stringHint === undefined) {
      const isText = types.size === 0 || types.has("string");
      return `${start} ${this.#keyEnds()} ${isText ? text : yield* json()} gap`;
    }
    const asText = `${this.#keyEnds(form.stringHint)} ${text}`;
    if (isString(types)) return `${start} ${asText} gap`;
    const asJson = `${this.#keyEnds(NO_STRING)} ${yield* json()}`;
    const isEither = types.size === 0 || types.has("string");
    return `${start} ${isEither ? `(${asText} | ${asJson})` : asJson} gap`;
  }

  /** Marks between a key and its value. */
  #keyEnds(hint = ""): string {
    const { keyEnds, stringHint } = this.#form;
    const between = stringHint === undefined ? " gap " : ` ${literal(hint)} `;
    return keyEnds.map(literal).join(between);
  }

  /** A string and the mark behind it. */
  #text(schema: unknown, close: string): string {
    const values = isRecord(schema) ? schema["enum"] : undefined;
    const isChoice = Array.isArray(values) && values.length > 0 &&
      values.every((each): each is string => typeof each === "string" && !each.includes(close));
    if (!isChoice) return this.#upTo(close);
    const line = this.#form.lines ? '"\\n"? ' : "";
    return `${line}${literalChoice(values)} ${line}${literal(close)}`;
  }

  *#json(
    schema: unknown,
    root: Record<string, unknown>,
    types: ReadonlySet<string>,
    close: string,
    prefix: string,
  ): Making<string> {
    // Such values may be elements, too.
    const mayNest = this.#form.keyInClose !== undefined &&
      (types.has("object") || types.has("array"));
    if (mayNest || !isRecord(schema)) return this.#upTo(close);
    const value = yield* propertyRule(schema, root, prefix, this.#detail, this.#rules);
    return `gap (${value ?? "value"}) gap ${literal(close)}`;
  }

  #upTo(mark: string): string {
    const known = this.#until.get(mark);
    if (known !== undefined) return known;
    const name = `until-${this.#until.size}`;
    this.#until.set(mark, name);
    Object.assign(this.#rules, untilRules(mark, name));
    return name;
  }

  /** Arguments with any keys. */
  #freeArguments(): string | undefined {
    const form = this.#form;
    if (form.keyInClose !== undefined) return undefined;
    const ends = form.stringHint === undefined
      ? this.#keyEnds()
      : `(${this.#keyEnds(form.stringHint)} | ${this.#keyEnds(NO_STRING)})`;
    this.#rules["free-pair"] = `${literal(form.key)} [^<>"\\n\\]]{1,256} ${ends} ` +
      `${this.#upTo(form.close)} gap`;
    return `free-pair{0,${MAX_FREE}}`;
  }
}
