import type { ExecuteRequest } from "#shared/contracts/request.ts";
import { demandedTools, offeredTools } from "#shared/contracts/tools.ts";
import { type Beginnings, NO_BEGINNINGS } from "../chat/beginnings.ts";
import { USUAL_CALLS } from "../chat/known_syntaxes.ts";
import { fitsHeader, messageStart, type MessageStyle } from "../chat/message_style.ts";
import { type Syntax, withMarks } from "../chat/syntax.ts";
import type { AnswerHold, BegunAnswer } from "../engine/engine.ts";
import { ReaderWatch } from "./answer_watch.ts";
import type { Prompt } from "./prompt.ts";
import { promptHeader } from "./reader/message_reader.ts";
import { promptState } from "./reader/prompt_state.ts";
import { AnswerReader, type ReaderOptions } from "./reader/reader.ts";
import type { Decoder } from "./token_texts.ts";

/** How the answer to a request is read. */
export interface Reading {
  /** Undefined: everything is text. */
  readonly reader: AnswerReader | undefined;
  /** How grammars follow the answer; undefined: they hold from the first token on. */
  readonly hold: AnswerHold | undefined;
  /** Text that ends a thought; undefined if the model writes none that can be ended. */
  readonly closing: string | undefined;
  /** Texts that begin a thought. */
  readonly opens: readonly string[];
  /** The beginning of what a schema holds; undefined: the answer begins with it. */
  readonly begun: BegunAnswer | undefined;
}

const PLAIN: Reading = {
  ...{ reader: undefined, hold: undefined, closing: undefined, opens: [], begun: undefined },
};

/** Syntax of an answer that a grammar of JSON holds from its first character on. */
const HELD: Syntax = withMarks({ calls: USUAL_CALLS, ends: [] });

/** Decides how the answer to a request is read. A prompt that is no chat has only text. */
export function readingOf(
  request: ExecuteRequest,
  { answerStart, syntax, begun: text }: Prompt,
  decoder: Decoder,
): Reading {
  if (syntax === undefined || answerStart === undefined) return PLAIN;
  const demanded = demandedTools(request);
  const tools = demanded ?? offeredTools(request);
  const splitsThoughts = request.reasoning_format !== "none";
  const isHeld = demanded !== undefined || request.json_schema !== undefined;
  const begun = demanded === undefined ? begunAnswer(request, text) : undefined;
  // A grammar holds from the first token on, so a thought that the prompt opened does not go on.
  const endsThought = isHeld && !splitsThoughts &&
    promptState(answerStart, syntax).thought !== undefined;
  const options: ReaderOptions = {
    tools: new Map(tools.map(({ function: { name, parameters } }) => [name, parameters])),
    promptEnd: endsThought ? "" : answerStart,
    ...(demanded ? { continuesText: false, isForced: true } : {}),
    ...(begun ? { continuesText: true } : {}),
    isHeld: isHeld && demanded === undefined,
    isSingle: request.parallel_tool_calls === false,
    splitsThoughts,
  };
  const reader = new AnswerReader(syntax, options);
  const isThinking = reader.state === "reasoning" && splitsThoughts;
  const messages = messagesOf(answerStart, syntax, isThinking || !isHeld);
  const canHead = messages && (!demanded || tools.every((tool) => fitsHeader(tool.function.name)));
  const style = canHead ? messages : undefined;
  const mayThinkAtAll = request.reasoning_effort !== "none" &&
    request.reasoning_budget_tokens !== 0;
  const mayBegin = isHeld && !isThinking && splitsThoughts && mayThinkAtAll && !begun;
  const beginnings = mayBegin ? beginningsOf(answerStart, syntax, style) : NO_BEGINNINGS;
  const calls = tools.length > 0 && (style || !syntax.messages) ? syntax.calls : undefined;
  const mayThink = isThinking || beginnings.thoughts.length > 0;
  // Nothing but JSON can come.
  if (isHeld && !mayThink && calls === undefined && !style) {
    const plain = new AnswerReader(HELD, { ...options, promptEnd: "" });
    return { ...PLAIN, reader: plain, begun };
  }
  const watch = new ReaderWatch(new AnswerReader(syntax, options), decoder);
  return {
    reader,
    hold: { watch, waits: mayThink && isHeld, beginnings, calls, messages: style },
    closing: closingOf(syntax, isHeld),
    opens: syntax.messages ? [] : syntax.thought?.opens ?? [],
    begun,
  };
}

/** What a request with a schema has of its answer's text. White space before it counts for nothing. */
function begunAnswer(
  { json_schema, messages = [] }: ExecuteRequest,
  begun = "",
): BegunAnswer | undefined {
  const text = begun.trimStart();
  if (json_schema === undefined || text === "") return undefined;
  return { text, field: `messages.${messages.length - 1}.content` };
}

/** How an answer may begin before what a schema or a forced call says. */
function beginningsOf(
  answerStart: string,
  syntax: Syntax,
  messages: MessageStyle | undefined,
): Beginnings {
  if (messages) {
    const { lead, syntax: { headers: { thought }, body } } = messages;
    return thought === undefined ? NO_BEGINNINGS : { thoughts: [lead + thought + body] };
  }
  const { thought } = syntax;
  if (syntax.messages || !thought || thought.isGuess) return NO_BEGINNINGS;
  if (promptState(answerStart, syntax).continuesText) return NO_BEGINNINGS;
  const isClosed = thought.closes.some((close) => answerStart.includes(close));
  return isClosed ? NO_BEGINNINGS : { thoughts: thought.opens };
}

/**
 * How messages go on from a prompt; undefined if the answer has none.
 *
 * @param isFree Whether what follows the prompt may be any message.
 */
function messagesOf(
  answerStart: string,
  { messages: syntax }: Syntax,
  isFree: boolean,
): MessageStyle | undefined {
  if (!syntax) return undefined;
  if (isFree) return { syntax, lead: "" };
  const { header, isWhole } = promptHeader(answerStart, syntax);
  if (header === undefined) return { syntax, lead: messageStart(syntax) };
  const { role } = syntax.headers;
  if (isWhole || !role.startsWith(header.trim())) return undefined;
  return { syntax, lead: role.slice(header.trim().length) };
}

/** @param isHeld Whether a grammar holds what follows a thought. */
function closingOf({ thought, messages }: Syntax, isHeld: boolean): string | undefined {
  if (messages?.headers.thought !== undefined) {
    const { ends: [end = ""], headers, body } = messages;
    return isHeld ? end : `${end}${messageStart(messages)}${headers.text}${body}`;
  }
  const [whole, ...others] = thought?.closes ?? [];
  // What a grammar holds begins where the reader sees the thought's end, so not after the text's mark.
  return isHeld ? others.find((close) => whole!.startsWith(close)) ?? whole : whole;
}
