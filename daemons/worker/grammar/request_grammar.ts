import type { ExecuteRequest } from "#shared/contracts/request.ts";
import { demandedTools, offeredTools, type Tool } from "#shared/contracts/tools.ts";
import { LlorchError } from "#shared/errors.ts";
import { type Beginnings, NO_BEGINNINGS } from "../chat/beginnings.ts";
import { messageStart, type MessageStyle } from "../chat/message_style.ts";
import type { CallSyntax, MessageSyntax } from "../chat/syntax.ts";
import { callGrammar } from "./call_grammar.ts";
import { checking } from "./check_grammar.ts";
import { afterLiteral, afterSpace, eitherGrammar } from "./either_grammar.ts";
import { forcedCallGrammar } from "./forced_call_grammar.ts";
import { inTurns, type Making } from "./in_turns.ts";
import {
  type Detail,
  type JsonGrammar,
  makingJsonGrammar,
  type Place,
  TooManyRules,
} from "./json_grammar.ts";
import { literalChoice } from "./literal_choice.ts";
import { begunMessage, forcedMessage } from "./message_grammar.ts";
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

/** How the answer of a request is written. */
export interface AnswerStyle {
  /** Whether a thought may stand before what the request's grammar says. */
  readonly waits: boolean;
  readonly beginnings: Beginnings;
  /** How the model writes calls; undefined: nothing but a forced one is held. */
  readonly calls: CallSyntax | undefined;
  /** How its messages go on from the prompt; undefined: the answer is one text. */
  readonly messages?: MessageStyle | undefined;
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

const NO_STYLE: AnswerStyle = { waits: false, beginnings: NO_BEGINNINGS, calls: undefined };

/** How much of a schema its grammar holds, most first. */
const DETAILS: readonly Detail[] = ["all", "shape", "type"];
/** Longer grammars of calls take long to make for what they are. */
const MAX_CALLS_LENGTH = 400_000;
/** Most characters of white space between a thought and what follows; fewer before a forced call. */
const SPACES = 8;
const FEW_SPACES = 2;

/**
 * What a grammar of calls holds: a call that must be made, one that may be the answer, or one whose
 * first mark was written.
 */
type CallKind = "forced" | "possible" | "begun";

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
  return await inTurns(makingAll(request, style));
}

function* makingAll(
  request: GrammarFields,
  style: AnswerStyle,
): Making<RequestGrammars> {
  const { waits, beginnings } = style;
  const held = yield* making(request);
  const demanded = demandedTools(request);
  const tools = demanded ?? offeredTools(request);
  const callsAs = function* (kind: CallKind) {
    if (tools.length === 0) return undefined;
    return yield* usableCalls(tools, style, kind);
  };
  if (!held) {
    return { first: undefined, afterThought: undefined, calls: yield* callsAs("begun") };
  }
  // A grammar of the request's own holds the answer as it is, with its headers.
  const messages = held.field === "grammar" ? undefined : style.messages;
  let { text } = held;
  let calls: string | undefined;
  if (demanded) text = (yield* callsAs("forced")) ?? text;
  else {
    if (messages) text = afterLiteral(textHeader(messages), text);
    const call = style.messages && !messages ? undefined : yield* callsAs("possible");
    if (call !== undefined) text = yield* orElse(text, call);
    calls = yield* callsAs("begun");
  }
  let afterThought: string | undefined;
  if (waits && messages) afterThought = afterLiteral(messageStart(messages.syntax), text);
  else if (waits) afterThought = yield* withSpace(text, demanded ? FEW_SPACES : SPACES);
  if (messages) text = afterLiteral(messages.lead, text);
  if (beginnings.thoughts.length > 0) {
    text = yield* orElse(text, `root ::= ${literalChoice(beginnings.thoughts)} [^\\x00]*\n`);
  }
  return { first: { ...held, text }, afterThought, calls };
}

/** The header of a message of text, behind its role. */
function textHeader({ syntax: { headers, body } }: MessageStyle): string {
  return headers.text + body;
}

/** White space before what a grammar says; without it where llama.cpp could not handle both. */
function* withSpace(text: string, most: number): Making<string> {
  const spaced = afterSpace(text, most);
  return (yield* isUsable(spaced)) ? spaced : text;
}

/** What either grammar says; only the first where llama.cpp could not handle both. */
function* orElse(first: string, second: string): Making<string> {
  const either = eitherGrammar(first, second);
  return (yield* isUsable(either)) ? either : first;
}

/** Grammars of calls, least recently used first: an agent offers the same functions again and again. */
const knownCalls = new Map<string, string | undefined>();
const MAX_KNOWN_CALLS = 16;

/** The grammar of calls; what was made before is not made again. */
function* usableCalls(
  tools: readonly Tool[],
  { calls, messages }: AnswerStyle,
  kind: CallKind,
): Making<string | undefined> {
  const way = { calls, messages: messages?.syntax };
  const key = JSON.stringify([tools, way, kind]);
  const isKnown = knownCalls.has(key);
  const text = isKnown ? knownCalls.get(key) : yield* makingCalls(tools, way, kind);
  knownCalls.delete(key);
  knownCalls.set(key, text);
  if (knownCalls.size > MAX_KNOWN_CALLS) knownCalls.delete(knownCalls.keys().next().value!);
  return text;
}

/** How a model writes calls: in its text, or as messages. */
interface CallWay {
  readonly calls: CallSyntax | undefined;
  readonly messages: MessageSyntax | undefined;
}

/** The most detailed grammar of calls that llama.cpp can handle; undefined if it can handle none. */
function* makingCalls(
  tools: readonly Tool[],
  way: CallWay,
  kind: CallKind,
): Making<string | undefined> {
  for (const detail of DETAILS) {
    const text = yield* callText(tools, way, kind, detail);
    yield;
    if (text === undefined) return undefined;
    if (text.length <= MAX_CALLS_LENGTH && (yield* isUsable(text))) return text;
  }
  return undefined;
}

function* callText(
  tools: readonly Tool[],
  { calls, messages }: CallWay,
  kind: CallKind,
  detail: Detail,
): Making<string | undefined> {
  if (messages) {
    const make = kind === "begun" ? begunMessage : forcedMessage;
    return yield* make(tools, { messages, calls }, detail);
  }
  if (!calls) return undefined;
  return kind === "forced"
    ? yield* forcedCallGrammar(tools, calls, detail)
    : yield* callGrammar(tools, calls, { detail, afterText: kind === "begun" });
}

function* isUsable(text: string): Making<boolean> {
  try {
    yield* checking(text, "tools");
    return true;
  } catch (error) {
    if (error instanceof LlorchError) return false;
    throw error;
  }
}

function* making(request: GrammarFields): Making<RequestGrammar | undefined> {
  const { grammar, json_schema, tools = [] } = request;
  const demanded = demandedTools(request);
  if (demanded) {
    return yield* usable("tools", (detail) => toolGrammar(tools, demanded, detail));
  }
  if (json_schema !== undefined) {
    const field = "json_schema";
    return yield* usable(field, (detail) => makingJsonGrammar(json_schema, field, detail));
  }
  if (grammar === undefined) return undefined;
  yield* checking(grammar, "grammar");
  return { field: "grammar", text: grammar, unheld: [] };
}

/** The most detailed grammar that llama.cpp can handle. */
function* usable(
  field: RequestGrammar["field"],
  make: (detail: Detail) => Making<JsonGrammar>,
): Making<RequestGrammar> {
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
  making: Making<JsonGrammar>,
): Making<JsonGrammar | undefined> {
  try {
    return yield* making;
  } catch (error) {
    if (error instanceof TooManyRules) return undefined;
    throw error;
  }
}
