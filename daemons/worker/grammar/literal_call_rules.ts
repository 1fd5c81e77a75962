import type { Tool } from "#shared/contracts/tools.ts";
import { isRecord } from "#shared/json.ts";
import { valueTypes } from "../chat/value_types.ts";
import type { LiteralForm } from "../chat/syntax.ts";
import type { Detail } from "./detail.ts";
import type { Making } from "./in_turns.ts";
import { literal, literalChoice, literalChoiceWith } from "./literal_choice.ts";
import { propertyRule, type Rules } from "./schema_rule.ts";
import { argumentsSchema } from "./tool_grammar.ts";
import { untilRules } from "./until_rules.ts";

const KEY = "[A-Za-z_] [0-9A-Za-z_.-]{0,255}";
/** Python's words beside those of JSON. */
const TRUTH = '("True" | "False" | boolean)';
const WORDS = `${TRUTH} | "None" | null`;

/**
 * Writes a name and its arguments as literals. Strings in quotes of the model's own are any text up
 * to the next one; other values are JSON by their schema, or any literals.
 *
 * @returns undefined where arguments cannot be held
 */
export function* literalCall(
  tools: readonly Tool[],
  form: LiteralForm,
  detail: Detail,
  rules: Rules,
): Making<string | undefined> {
  const closing = { "(": ")", "{": "}" }[form.open];
  if (closing === undefined) return undefined;
  Object.assign(rules, valueRules(form));
  const named = new Map<string, string>();
  for (const [index, tool] of tools.entries()) {
    const { name } = tool.function;
    if (name.includes(form.open)) return undefined;
    const schema = argumentsSchema(tool);
    const properties = isRecord(schema["properties"]) ? schema["properties"] : {};
    const keys = Object.keys(properties);
    if (!keys.every((key) => /^[A-Za-z_][0-9A-Za-z_.-]*$/.test(key))) return undefined;
    const isPlain = ["$ref", "allOf", "anyOf", "oneOf", "patternProperties"]
      .every((key) => schema[key] === undefined);
    const values = new LiteralValues(form, schema, detail, rules, `l${index}x`);
    const pairs = isPlain && (keys.length > 0 || !isRecord(schema["additionalProperties"]))
      ? yield* values.pairs(properties)
      : "free-pairs?";
    named.set(name, `${literal(form.open)} gap ${pairs} gap ${literal(closing)}`);
    yield;
  }
  return literalChoiceWith(named);
}

/** Rules of any value. */
function valueRules({ separator, quote }: LiteralForm): Rules {
  const text = quote === "" ? "string" : `${literal(quote)} quoted`;
  const key = quote === "" ? "string" : "key";
  return {
    ...(quote === "" ? {} : untilRules(quote, "quoted")),
    "key": KEY,
    "word": WORDS,
    "free-value":
      `${text} | number | word | "[" gap (free-value (gap "," gap free-value)* gap)? "]"` +
      ` | "{" gap (free-field (gap "," gap free-field)* gap)? "}"`,
    "free-field": `${key} ":" ws free-value`,
    "free-pair": `key ${literal(separator)} ws free-value`,
    "free-pairs": 'free-pair (gap "," gap free-pair)*',
  };
}

class LiteralValues {
  readonly #form: LiteralForm;
  readonly #schema: Record<string, unknown>;
  readonly #detail: Detail;
  readonly #rules: Rules;
  readonly #prefix: string;

  constructor(
    form: LiteralForm,
    schema: Record<string, unknown>,
    detail: Detail,
    rules: Rules,
    prefix: string,
  ) {
    this.#form = form;
    this.#schema = schema;
    this.#detail = detail;
    this.#rules = rules;
    this.#prefix = prefix;
  }

  /** All pairs of a function in the order of its schema, with commas between. */
  *pairs(properties: Readonly<Record<string, unknown>>): Making<string> {
    const { required } = this.#schema;
    const needed: readonly unknown[] = Array.isArray(required) ? required : [];
    // What follows if no pair came before, and if one did.
    let [first, later] = ['""', '""'];
    for (const [index, [key, schema]] of Object.entries(properties).entries().toArray().reverse()) {
      const pair = this.#rule(
        `p${index}`,
        `${literal(key + this.#form.separator)} ws ${yield* this.#value(schema, `v${index}x`)}`,
      );
      const skip = (rest: string) => needed.includes(key) ? "" : ` | ${rest}`;
      const [next, after] = [first, later];
      first = this.#rule(`f${index}`, `${pair} ${after}${skip(next)}`);
      later = this.#rule(`a${index}`, `gap "," gap ${pair} ${after}${skip(after)}`);
    }
    return first;
  }

  *#value(schema: unknown, prefix: string): Making<string> {
    const { quote } = this.#form;
    const types = valueTypes(schema, this.#schema);
    if (!isRecord(schema) || types.size === 0) return "free-value";
    const isNested = types.has("object") || types.has("array");
    if (quote !== "" && isNested) return "free-value";
    if (types.size === 1 && types.has("boolean") && schema["enum"] === undefined) return TRUTH;
    if (quote !== "" && types.has("string")) return this.#text(schema, types);
    const name = this.#prefix + prefix;
    const value = yield* propertyRule(schema, this.#schema, name, this.#detail, this.#rules);
    return value === undefined ? "free-value" : `(${value})`;
  }

  #text(schema: Record<string, unknown>, types: ReadonlySet<string>): string {
    const { quote } = this.#form;
    if (types.size > 1) return "free-value";
    const values = schema["enum"];
    const isChoice = Array.isArray(values) && values.length > 0 &&
      values.every((each): each is string => typeof each === "string" && !each.includes(quote));
    if (!isChoice) return `${literal(quote)} quoted`;
    return `${literal(quote)} ${literalChoice(values)} ${literal(quote)}`;
  }

  #rule(name: string, expression: string): string {
    const whole = this.#prefix + name;
    this.#rules[whole] = expression;
    return whole;
  }
}
