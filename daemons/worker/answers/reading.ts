import type { ExecuteRequest } from "#shared/contracts/request.ts";
import { demandedTools, offeredTools } from "#shared/contracts/tools.ts";
import { USUAL_CALLS } from "../chat/known_syntaxes.ts";
import { type Syntax, withMarks } from "../chat/syntax.ts";
import type { Prompt } from "./prompt.ts";
import { promptState } from "./reader/prompt_state.ts";
import { AnswerReader } from "./reader/reader.ts";

/** How the answer to a request is read. */
export interface Reading {
  /** Undefined: everything is text. */
  readonly reader: AnswerReader | undefined;
  /** Whether the grammar of the request waits until the thought that the prompt has begun is over. */
  readonly grammarWaits: boolean;
  /** Text that ends a thought; undefined if the model writes none that can be ended. */
  readonly closing: string | undefined;
}

/** Syntax of an answer that a grammar of JSON holds from its first character on. */
const HELD: Syntax = withMarks({ calls: USUAL_CALLS, ends: [] });

/** Decides how the answer to a request is read. A prompt that is no chat has only text. */
export function readingOf(request: ExecuteRequest, { answerStart, syntax }: Prompt): Reading {
  if (syntax === undefined || answerStart === undefined) {
    return { reader: undefined, grammarWaits: false, closing: undefined };
  }
  const tools = demandedTools(request) ?? offeredTools(request);
  const splitsThoughts = request.reasoning_format !== "none";
  const isThinking = promptState(answerStart, syntax).thought !== undefined;
  const isHeld = demandedTools(request) !== undefined || request.json_schema !== undefined;
  const grammarWaits = isHeld && isThinking && splitsThoughts;
  const isPlain = isHeld && !grammarWaits;
  const reader = new AnswerReader(isPlain ? HELD : syntax, {
    tools: new Map(tools.map(({ function: { name, parameters } }) => [name, parameters])),
    promptEnd: isPlain ? "" : answerStart,
    isSingle: request.parallel_tool_calls === false,
    splitsThoughts,
  });
  return { reader, grammarWaits, closing: isPlain ? undefined : closingOf(syntax) };
}

function closingOf({ thought, messages }: Syntax): string | undefined {
  if (messages && messages.channel !== "") {
    const [end = ""] = messages.ends;
    const [text = ""] = messages.texts;
    return `${end}${messages.start}assistant${messages.channel}${text}${messages.body}`;
  }
  return thought?.closes[0];
}
