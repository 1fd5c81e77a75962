import type { ExecuteRequest } from "#shared/contracts/request.ts";
import { demandedTools, offeredTools, type Tool } from "#shared/contracts/tools.ts";
import { LlorchError } from "#shared/errors.ts";
import {
  type AnswerGrammars,
  answerGrammars,
  type AnswerParts,
  type AnswerStyle,
  callWay,
  NO_STYLE,
} from "./answer_style.ts";
import { callText, holdsJson } from "./call_text.ts";
import { checking } from "./check_grammar.ts";
import { type Detail, DETAILS, type Place } from "./detail.ts";
import { isUsable, madeOf } from "./usable.ts";
import { inTurns, type Making } from "./in_turns.ts";
import { type JsonGrammar, makingJsonGrammar } from "./json_grammar.ts";
import { toolGrammar } from "./tool_grammar.ts";

export type { AnswerStyle } from "./answer_style.ts";

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

/** All grammars of a request, each undefined where nothing is to be held. */
export interface RequestGrammars {
  /** Holds from the first token on, up to the mark of a thought if one may come. */
  readonly first: RequestGrammar | undefined;
  /** Holds from the end of a thought on. */
  readonly afterThought: string | undefined;
  /** The grammar of a call that the model need not make, from its first mark on. */
  readonly calls: string | undefined;
}

/**
 * Makes the grammar of a request; undefined if it needs none. Where llama.cpp could not handle all
 * that a schema says, the grammar holds less of it.
 *
 * @throws {LlorchError} `INVALID_REQUEST` that names the field, also for a grammar of the request's
 * own that would never end
 */
export async function requestGrammar(request: GrammarFields): Promise<RequestGrammar | undefined> {
  return (await requestGrammars(request)).first;
}

/**
 * Makes all grammars of a request. What could not be held is left out, but for what the request
 * itself demands.
 *
 * @throws {LlorchError} as {@linkcode requestGrammar}
 */
export async function requestGrammars(
  request: GrammarFields,
  style: AnswerStyle = NO_STYLE,
): Promise<RequestGrammars> {
  // Schemas may be large, and most differ from request to request.
  if (!request.tools || request.json_schema !== undefined || request.grammar !== undefined) {
    return await inTurns(makingGrammars(request, style));
  }
  const { tools, tool_choice } = request;
  const { waits, beginnings, calls, messages } = style;
  const key = JSON.stringify([tools, tool_choice, waits, beginnings, calls, messages]);
  const made = known.get(key) ?? inTurns(makingGrammars(request, style));
  known.delete(key);
  known.set(key, made);
  if (known.size > MAX_KNOWN) known.delete(known.keys().next().value!);
  try {
    return await made;
  } catch (error) {
    if (known.get(key) === made) known.delete(key);
    throw error;
  }
}

/**
 * Grammars of functions that are made or were, least recently used first: an agent offers the same
 * ones again and again, and several at once.
 */
const known = new Map<string, Promise<RequestGrammars>>();
const MAX_KNOWN = 16;

/** The same as {@linkcode requestGrammars}, in steps. */
export function* makingGrammars(
  request: GrammarFields,
  style: AnswerStyle,
): Making<RequestGrammars> {
  const demanded = demandedTools(request);
  if (demanded) return yield* makingForced(request.tools ?? [], demanded, style);
  const tools = offeredTools(request);
  const answer = yield* makingAnswer(request, tools, style);
  const calls = yield* makingBegun(tools, style);
  return { ...answer ?? { first: undefined, afterThought: undefined }, calls };
}

/** The most detailed grammar of a call that was begun; undefined if none can be handled. */
function* makingBegun(tools: readonly Tool[], style: AnswerStyle): Making<string | undefined> {
  for (const detail of DETAILS) {
    const text = yield* callText(tools, callWay(style), "begun", detail);
    if (text !== undefined && (yield* isUsable(text))) return text;
  }
  return undefined;
}

/** The grammars of a call that must be made: as the model writes calls, or else as JSON. */
function* makingForced(
  all: readonly Tool[],
  demanded: readonly Tool[],
  style: AnswerStyle,
): Making<RequestGrammars> {
  const way = callWay(style);
  for (const detail of way.calls || way.messages ? DETAILS : []) {
    // Says what is wrong with schemas, and what grammars do not hold of them.
    const json = yield* madeOf(toolGrammar(all, demanded, detail));
    const text = json && (yield* callText(demanded, way, "forced", detail));
    if (text === undefined) continue;
    const { first, afterThought } = answerGrammars({ text, isCall: true }, style);
    if (!(yield* isUsable(first))) continue;
    const unheld = holdsJson(way) ? json!.unheld : demanded.map((tool) => parametersOf(tool, all));
    return { first: { field: "tools", text: first, unheld }, afterThought, calls: undefined };
  }
  const make = (detail: Detail) => toolGrammar(all, demanded, detail);
  const answer = yield* makingHeld("tools", make, [], { ...style, messages: undefined });
  return { ...answer, calls: undefined };
}

function parametersOf(tool: Tool, all: readonly Tool[]): Place {
  return `tools.${all.indexOf(tool)}.function.parameters`;
}

/** An answer that is held. */
type Held = Pick<RequestGrammars, "first" | "afterThought">;

/** The grammars of what a request wants its text to be, and of calls beside it. */
function* makingAnswer(
  { grammar, json_schema }: GrammarFields,
  tools: readonly Tool[],
  style: AnswerStyle,
): Making<Held | undefined> {
  if (json_schema !== undefined) {
    const field = "json_schema";
    const make = (detail: Detail) => makingJsonGrammar(json_schema, field, detail);
    return yield* makingHeld(field, make, tools, style);
  }
  if (grammar === undefined) return undefined;
  yield* checking(grammar, "grammar");
  // It holds the answer as it is, with the headers of messages.
  const beside = style.messages ? [] : tools;
  const make = function* () {
    yield;
    return { grammar, unheld: [] };
  };
  return yield* makingHeld("grammar", make, beside, { ...style, messages: undefined });
}

/** The most detailed grammars that llama.cpp can handle. */
function* makingHeld(
  field: RequestGrammar["field"],
  make: (detail: Detail) => Making<JsonGrammar>,
  tools: readonly Tool[],
  style: AnswerStyle,
): Making<Held> {
  const isCall = field === "tools";
  for (const detail of DETAILS) {
    const made = yield* madeOf(make(detail));
    if (!made) continue;
    const { grammar: text, unheld } = made;
    const parts = { text, isCall };
    const held = ({ first, afterThought }: AnswerGrammars): Held => ({
      ...{ first: { field, text: first, unheld }, afterThought },
    });
    const call = yield* callText(tools, callWay(style), "possible", DETAILS[0]!);
    const whole = answerGrammars({ ...parts, call }, style);
    if (whole.first !== text && (yield* isUsable(whole.first))) return held(whole);
    try {
      yield* checking(text, field);
    } catch (error) {
      if (detail === DETAILS.at(-1) || !(error instanceof LlorchError)) throw error;
      continue;
    }
    return held(whole.first === text ? whole : yield* lessBeside(parts, tools, style));
  }
  throw new Error("The last detail has few rules");
}

/** As much as llama.cpp can handle beside what a request wants, without all details of calls. */
function* lessBeside(
  parts: AnswerParts,
  tools: readonly Tool[],
  style: AnswerStyle,
): Making<AnswerGrammars> {
  for (const detail of DETAILS.slice(1)) {
    const call = yield* callText(tools, callWay(style), "possible", detail);
    if (call === undefined) break;
    const some = answerGrammars({ ...parts, call }, style);
    if (yield* isUsable(some.first)) return some;
  }
  const alone = answerGrammars(parts, style);
  return (yield* isUsable(alone.first)) ? alone : answerGrammars(parts, style, false);
}
