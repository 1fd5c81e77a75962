import type { ExecuteRequest } from "#shared/contracts/request.ts";
import { demandedTools } from "#shared/contracts/tools.ts";
import { LlorchError } from "#shared/errors.ts";
import { checkGrammar } from "./check_grammar.ts";
import { type Detail, type JsonGrammar, jsonGrammar, type Place } from "./json_grammar.ts";
import { toolGrammar } from "./tool_grammar.ts";

/** The fields of a request from which its grammar is made. */
export type GrammarFields = Pick<
  ExecuteRequest,
  "grammar" | "json_schema" | "tools" | "tool_choice"
>;

/** A checked grammar, and the field that it is made from. */
export interface RequestGrammar {
  readonly field: "grammar" | "json_schema" | "tools";
  /** GBNF. */
  readonly text: string;
  /** Keywords of the schemas that it does not hold, or not wholly. */
  readonly unheld: readonly Place[];
}

/** How much of a schema its grammar holds, most first. */
const DETAILS: readonly Detail[] = ["all", "shape", "type"];

/**
 * Makes the grammar of a request; undefined if it needs none. Where llama.cpp could not handle all
 * that a schema says, the grammar holds less of it.
 *
 * @throws {LlorchError} `INVALID_REQUEST` that names the field, also for a grammar of the request's
 * own that would never end
 */
export function requestGrammar(request: GrammarFields): RequestGrammar | undefined {
  const { grammar, json_schema, tools = [] } = request;
  const demanded = demandedTools(request);
  if (demanded) {
    return usable("tools", (detail) => toolGrammar(tools, demanded, detail));
  }
  if (json_schema !== undefined) {
    const field = "json_schema";
    return usable(field, (detail) => jsonGrammar(json_schema, field, detail));
  }
  if (grammar === undefined) return undefined;
  checkGrammar(grammar, "grammar");
  return { field: "grammar", text: grammar, unheld: [] };
}

/** The most detailed grammar that llama.cpp can handle. */
function usable(
  field: RequestGrammar["field"],
  make: (detail: Detail) => JsonGrammar,
): RequestGrammar {
  for (const detail of DETAILS) {
    const { grammar: text, unheld } = make(detail);
    try {
      checkGrammar(text, field);
      return { field, text, unheld };
    } catch (error) {
      const isLast = detail === DETAILS.at(-1);
      if (isLast || !(error instanceof LlorchError)) throw error;
    }
  }
  throw new Error("There is a last detail");
}
