import type { Tool } from "#shared/contracts/tools.ts";
import type { Detail } from "./detail.ts";
import { GrammarWriter } from "./grammar_writer.ts";
import { TooManyRules } from "./rule_book.ts";
import type { Making } from "./in_turns.ts";
import { argumentsSchema } from "./tool_grammar.ts";

/** Rules of a grammar by their names. */
export type Rules = Record<string, string>;

/** The expression of a schema, whose rules are added; undefined where it cannot be held. */
export function* schemaRule(
  schema: Record<string, unknown>,
  prefix: string,
  detail: Detail,
  rules: Rules,
): Making<string | undefined> {
  try {
    const writer = new GrammarWriter(schema, "parameters", { prefix, detail });
    const expression = yield* writer.expression();
    if (writer.errors.length > 0) return undefined;
    Object.assign(rules, writer.rules);
    return expression;
  } catch (error) {
    if (error instanceof TooManyRules) return undefined;
    throw error;
  }
}

/** The same for a property of another schema, whose definitions it may refer to. */
export function* propertyRule(
  schema: Record<string, unknown>,
  { $defs, definitions }: Record<string, unknown>,
  prefix: string,
  detail: Detail,
  rules: Rules,
): Making<string | undefined> {
  const whole = {
    ...schema,
    ...($defs === undefined ? {} : { $defs }),
    ...(definitions === undefined ? {} : { definitions }),
  };
  return yield* schemaRule(whole, prefix, detail, rules);
}

/**
 * Adds a rule of each function's arguments, any object where its schema cannot be held; returns the
 * rules' names.
 */
export function* argumentsRules(
  tools: readonly Tool[],
  detail: Detail,
  rules: Rules,
): Making<readonly string[]> {
  const names: string[] = [];
  for (const [index, tool] of tools.entries()) {
    const name = `arguments-${index}`;
    const values = yield* schemaRule(argumentsSchema(tool), `t${index}x`, detail, rules);
    rules[name] = values ?? "object";
    names.push(name);
    yield;
  }
  return names;
}
