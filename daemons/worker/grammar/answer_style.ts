import { type Beginnings, NO_BEGINNINGS } from "../chat/beginnings.ts";
import { messageStart, type MessageStyle } from "../chat/message_style.ts";
import type { CallSyntax } from "../chat/syntax.ts";
import type { CallWay } from "./call_text.ts";
import { afterLiteral, afterSpace, eitherGrammar } from "./either_grammar.ts";
import { literalChoice } from "./literal_choice.ts";

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

export const NO_STYLE: AnswerStyle = {
  ...{ waits: false, beginnings: NO_BEGINNINGS, calls: undefined },
};

/** Most characters of white space between a thought and what follows; fewer before a forced call. */
const SPACES = 8;
const FEW_SPACES = 2;

/** What an answer may be, as grammars. */
export interface AnswerParts {
  /** What the request wants. */
  readonly text: string;
  /** Whether that is a call, or text. */
  readonly isCall: boolean;
  /** A call that may be made in its place. */
  readonly call?: string | undefined;
}

/** The grammars of an answer. */
export interface AnswerGrammars {
  /** Of the answer from its beginning up to the mark of a thought, if one may come. */
  readonly first: string;
  /** Of the answer from the end of a thought on; undefined if none may come. */
  readonly afterThought: string | undefined;
}

/** How the model writes calls. */
export function callWay({ calls, messages }: AnswerStyle): CallWay {
  return { calls, messages: messages?.syntax };
}

/**
 * Puts the grammars of an answer together. Where llama.cpp can handle the first, it can handle the
 * other, which has the same rules: white space or a header before them changes nothing.
 *
 * @param mayThink Whether a thought may begin in the first one.
 */
export function answerGrammars(
  { text, isCall, call }: AnswerParts,
  { waits, beginnings, messages }: AnswerStyle,
  mayThink = true,
): AnswerGrammars {
  const own = messages && !isCall ? afterLiteral(textHeader(messages), text) : text;
  const all = call === undefined ? own : eitherGrammar(own, call);
  const led = messages ? afterLiteral(messages.lead, all) : all;
  const { thoughts } = beginnings;
  const first = mayThink && thoughts.length > 0
    ? eitherGrammar(led, `root ::= ${literalChoice(thoughts)} [^\\x00]*\n`)
    : led;
  if (!waits) return { first, afterThought: undefined };
  const afterThought = messages
    ? afterLiteral(messageStart(messages.syntax), all)
    : afterSpace(all, isCall ? FEW_SPACES : SPACES);
  return { first, afterThought };
}

/** The header of a message of text, behind its role. */
function textHeader({ syntax: { headers, body } }: MessageStyle): string {
  return headers.text + body;
}
