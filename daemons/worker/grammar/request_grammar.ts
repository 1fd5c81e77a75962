import type { ExecuteRequest } from "#shared/contracts/request.ts";
import { demandedTools } from "#shared/contracts/tools.ts";
import { LlorchError } from "#shared/errors.ts";
import { checking } from "./check_grammar.ts";
import { inTurns } from "./in_turns.ts";
import {
  type Detail,
  type JsonGrammar,
  jsonGrammar,
  type Place,
  TooManyRules,
} from "./json_grammar.ts";
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
export async function requestGrammar(request: GrammarFields): Promise<RequestGrammar | undefined> {
  return await inTurns(making(request));
}

function* making(request: GrammarFields): Generator<void, RequestGrammar | undefined> {
  const { grammar, json_schema, tools = [] } = request;
  const demanded = demandedTools(request);
  if (demanded) {
    return yield* usable("tools", (detail) => toolGrammar(tools, demanded, detail));
  }
  if (json_schema !== undefined) {
    const field = "json_schema";
    return yield* usable(field, function* (detail) {
      return jsonGrammar(json_schema, field, detail);
    });
  }
  if (grammar === undefined) return undefined;
  yield* checking(grammar, "grammar");
  return { field: "grammar", text: grammar, unheld: [] };
}

/** The most detailed grammar that llama.cpp can handle. */
function* usable(
  field: RequestGrammar["field"],
  make: (detail: Detail) => Generator<void, JsonGrammar>,
): Generator<void, RequestGrammar> {
  for (const detail of DETAILS) {
    const isLast = detail === DETAILS.at(-1);
    const made = yield* madeOf(make(detail));
    yield;
    if (!made) continue;
    const { grammar: text, unheld } = made;
    try {
      yield* checking(text, field);
      return { field, text, unheld };
    } catch (error) {
      if (isLast || !(error instanceof LlorchError)) throw error;
    }
  }
  throw new Error("The last detail has few rules");
}

/** Makes a grammar; undefined if it would have too many rules. */
function* madeOf(
  making: Generator<void, JsonGrammar>,
): Generator<void, JsonGrammar | undefined> {
  try {
    return yield* making;
  } catch (error) {
    if (error instanceof TooManyRules) return undefined;
    throw error;
  }
}
