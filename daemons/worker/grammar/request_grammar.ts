import type { ExecuteRequest } from "#shared/contracts/request.ts";
import { demandedTools } from "#shared/contracts/tools.ts";
import { checkGrammar } from "./check_grammar.ts";
import { jsonGrammar } from "./json_grammar.ts";
import { toolGrammar } from "./tool_grammar.ts";

/** The fields of a request from which its grammar is made. */
export type GrammarFields = Pick<
  ExecuteRequest,
  "grammar" | "json_schema" | "json_schema_strict" | "tools" | "tool_choice"
>;

/** A checked grammar, and the field that it is made from. */
export interface RequestGrammar {
  readonly field: "grammar" | "json_schema" | "tools";
  /** GBNF. */
  readonly text: string;
}

/**
 * Makes the grammar of a request; undefined if it needs none.
 *
 * @throws {LlorchError} `INVALID_REQUEST` that names the field, also for a grammar that would never
 * end
 */
export function requestGrammar(request: GrammarFields): RequestGrammar | undefined {
  const made = grammarOf(request);
  if (made) checkGrammar(made.text, made.field);
  return made;
}

function grammarOf(request: GrammarFields): RequestGrammar | undefined {
  const { grammar, json_schema, json_schema_strict, tools = [] } = request;
  const demanded = demandedTools(request);
  if (demanded) return { field: "tools", text: toolGrammar(tools, demanded) };
  if (json_schema !== undefined) {
    const field = "json_schema";
    return { field, text: jsonGrammar(json_schema, field, json_schema_strict) };
  }
  return grammar === undefined ? undefined : { field: "grammar", text: grammar };
}
