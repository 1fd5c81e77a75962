import type { Tool } from "#shared/contracts/tools.ts";
import { type FieldError, invalidRequest } from "#shared/errors.ts";
import { grammarText } from "./base_rules.ts";
import type { Detail, Place } from "./detail.ts";
import { GrammarWriter } from "./grammar_writer.ts";
import type { JsonGrammar } from "./json_grammar.ts";
import type { Making } from "./in_turns.ts";
import { literal } from "./literal_choice.ts";

/**
 * Makes a GBNF grammar of one call, `{"name": …, "arguments": {…}}`, of one of the functions. The
 * arguments follow its schema as far as a grammar can hold it. It may be interrupted.
 *
 * @param all All functions of the request; their indexes are in error messages.
 * @param demanded The functions that may be called.
 * @throws {LlorchError} `INVALID_REQUEST` that lists all keywords that cannot mean anything
 */
export function* toolGrammar(
  all: readonly Tool[],
  demanded: readonly Tool[],
  detail: Detail = "all",
): Making<JsonGrammar> {
  const errors: FieldError[] = [];
  const rules: Record<string, string> = {};
  const unheld: Place[] = [];
  const calls: string[] = [];
  const indexes = new Map(all.map((tool, index) => [tool, index]));
  for (const tool of demanded) {
    const { name } = tool.function;
    const index = indexes.get(tool)!;
    const field = `tools.${index}.function.parameters`;
    const writer = new GrammarWriter(argumentsSchema(tool), field, { prefix: `t${index}`, detail });
    const values = yield* writer.expression();
    errors.push(...writer.errors);
    unheld.push(...writer.unheld);
    Object.assign(rules, writer.rules);
    const value = literal(JSON.stringify(name));
    calls.push(
      `"{" ws "\\"name\\"" ":" ws ${value} ws "," ws "\\"arguments\\"" ":" ws ${values} ws "}"`,
    );
    yield;
  }
  if (errors.length > 0) throw invalidRequest(errors);
  return { grammar: grammarText(calls.join(" | "), rules), unheld };
}

/** The schema of a function's arguments; without a type, of an object. */
export function argumentsSchema({ function: { parameters = {} } }: Tool): Record<string, unknown> {
  const isWhole = ["type", "$ref", "allOf", "anyOf", "oneOf"].some((key) =>
    parameters[key] !== undefined
  );
  return isWhole ? parameters : { type: "object", properties: {}, ...parameters };
}
