import type { Tool } from "#shared/contracts/tools.ts";
import type { CallSyntax, MessageSyntax } from "../chat/syntax.ts";
import { callGrammar } from "./call_grammar.ts";
import { forcedCallGrammar } from "./forced_call_grammar.ts";
import type { Making } from "./in_turns.ts";
import type { Detail } from "./detail.ts";
import { begunMessage, forcedMessage } from "./message_grammar.ts";

/**
 * What a grammar of calls holds: a call that must be made, one that may be the answer, or one whose
 * first mark was written.
 */
export type CallKind = "forced" | "possible" | "begun";

/** How a model writes calls: in its text, or as messages. */
export interface CallWay {
  readonly calls: CallSyntax | undefined;
  readonly messages: MessageSyntax | undefined;
}

/** Longer grammars of calls take long to make for what they are. */
const MAX_LENGTH = 400_000;

/**
 * Makes the grammar of a call; it is not checked.
 *
 * @returns undefined if there is nothing to call, or it cannot be held or would be too long
 */
export function* callText(
  tools: readonly Tool[],
  way: CallWay,
  kind: CallKind,
  detail: Detail,
): Making<string | undefined> {
  if (tools.length === 0) return undefined;
  const text = yield* making(tools, way, kind, detail);
  yield;
  return text !== undefined && text.length <= MAX_LENGTH ? text : undefined;
}

function making(
  tools: readonly Tool[],
  { calls, messages }: CallWay,
  kind: CallKind,
  detail: Detail,
): Making<string | undefined> {
  if (messages) {
    const make = kind === "begun" ? begunMessage : forcedMessage;
    return make(tools, { messages, calls }, detail);
  }
  if (!calls) return nothing();
  return kind === "forced"
    ? forcedCallGrammar(tools, calls, detail)
    : callGrammar(tools, calls, { detail, afterText: kind === "begun" });
}

function* nothing(): Making<undefined> {}

/** Whether the arguments of such calls are JSON, so that a grammar holds what it holds of a schema. */
export function holdsJson({ calls, messages }: CallWay): boolean {
  const kind = calls?.form.kind;
  return kind === "json" || kind === "named" || messages !== undefined && calls === undefined;
}
