import type { Tool } from "#shared/contracts/tools.ts";
import { type FieldError, invalidRequest } from "#shared/errors.ts";
import { grammarText, GrammarWriter } from "./json_grammar.ts";
import { literal } from "./literal_choice.ts";

/**
 * Makes a GBNF grammar of one call, `{"name": …, "arguments": {…}}`, of one of the functions. The
 * arguments follow its schema; if it is not strict, keywords that a grammar cannot express are
 * ignored.
 *
 * @param all All functions of the request; their indexes are in error messages.
 * @param demanded The functions that may be called.
 * @throws {LlorchError} `INVALID_REQUEST` that lists every unsupported keyword
 */
export function toolGrammar(all: readonly Tool[], demanded: readonly Tool[]): string {
  const errors: FieldError[] = [];
  const rules: Record<string, string> = {};
  const calls = demanded.map((tool) => {
    const { name, parameters = {} } = tool.function;
    const index = all.indexOf(tool);
    const field = `tools.${index}.function.parameters`;
    const schema = parameters["type"] === undefined && parameters["$ref"] === undefined
      ? { type: "object", properties: {}, ...parameters }
      : parameters;
    const writer = new GrammarWriter(schema, field, {
      prefix: `t${index}`,
      isStrict: tool.function.strict === true,
    });
    const values = writer.expression(schema, field, 0);
    errors.push(...writer.errors);
    Object.assign(rules, writer.rules);
    const value = literal(JSON.stringify(name));
    return `"{" ws "\\"name\\"" ":" ws ${value} ws "," ws "\\"arguments\\"" ":" ws ${values} ws "}"`;
  });
  if (errors.length > 0) throw invalidRequest(errors);
  return grammarText(calls.join(" | "), rules);
}
