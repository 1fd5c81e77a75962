import type { ExecuteRequest } from "#shared/contracts/request.ts";
import { demandedTools, offeredTools } from "#shared/contracts/tools.ts";
import { type Beginnings, NO_BEGINNINGS } from "../chat/beginnings.ts";
import { USUAL_CALLS } from "../chat/known_syntaxes.ts";
import { type CallSyntax, type Syntax, withMarks } from "../chat/syntax.ts";
import type { AnswerHold } from "../engine/engine.ts";
import { ReaderWatch } from "./answer_watch.ts";
import type { Prompt } from "./prompt.ts";
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
}

/** Syntax of an answer that a grammar of JSON holds from its first character on. */
const HELD: Syntax = withMarks({ calls: USUAL_CALLS, ends: [] });

/** Decides how the answer to a request is read. A prompt that is no chat has only text. */
export function readingOf(
  request: ExecuteRequest,
  { answerStart, syntax }: Prompt,
  decoder: Decoder,
): Reading {
  if (syntax === undefined || answerStart === undefined) {
    return { reader: undefined, hold: undefined, closing: undefined };
  }
  const demanded = demandedTools(request);
  const tools = demanded ?? offeredTools(request);
  const splitsThoughts = request.reasoning_format !== "none";
  const isHeld = demanded !== undefined || request.json_schema !== undefined;
  const prompt = promptState(answerStart, syntax);
  const isThinking = prompt.thought !== undefined && splitsThoughts;
  const beginnings = isHeld && !isThinking && splitsThoughts && !prompt.continuesText
    ? beginningsOf(request, answerStart, syntax)
    : NO_BEGINNINGS;
  const calls = tools.length > 0 ? callsOf(syntax) : undefined;
  const mayThink = isThinking || beginnings.thoughts.length > 0;
  // Nothing but JSON can come.
  const isPlain = isHeld && !mayThink && calls === undefined;
  // The grammar holds from the first token on, so a thought that the prompt opened does not go on.
  const endsThought = isHeld && prompt.thought !== undefined && !isThinking;
  const options: ReaderOptions = {
    tools: new Map(tools.map(({ function: { name, parameters } }) => [name, parameters])),
    promptEnd: isPlain || endsThought ? "" : answerStart,
    ...(demanded ? { continuesText: false, isForced: true } : {}),
    isHeld: isHeld && demanded === undefined,
    isSingle: request.parallel_tool_calls === false,
    splitsThoughts,
  };
  const newReader = () => new AnswerReader(isPlain ? HELD : syntax, options);
  const watch = new ReaderWatch(newReader(), decoder);
  return {
    reader: newReader(),
    hold: isPlain ? undefined : { watch, waits: mayThink && isHeld, beginnings, calls },
    closing: isPlain ? undefined : closingOf(syntax),
  };
}

/** How an answer may begin before what a schema or a forced call says. */
function beginningsOf(
  { reasoning_effort }: ExecuteRequest,
  answerStart: string,
  { thought, messages }: Syntax,
): Beginnings {
  if (messages || !thought || thought.isGuess || reasoning_effort === "none") return NO_BEGINNINGS;
  const isClosed = thought.closes.some((close) => answerStart.includes(close));
  return isClosed ? NO_BEGINNINGS : { thoughts: thought.opens };
}

/** How calls stand in the text of an answer; undefined where each is a message. */
function callsOf({ messages, calls }: Syntax): CallSyntax | undefined {
  return messages ? undefined : calls;
}

function closingOf({ thought, messages }: Syntax): string | undefined {
  if (messages && messages.channel !== "") {
    const [end = ""] = messages.ends;
    const [text = ""] = messages.texts;
    return `${end}${messages.start}assistant${messages.channel}${text}${messages.body}`;
  }
  return thought?.closes[0];
}
