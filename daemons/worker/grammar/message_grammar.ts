import type { Tool } from "#shared/contracts/tools.ts";
import { fitsHeader } from "../chat/message_style.ts";
import type { CallSyntax, MessageSyntax } from "../chat/syntax.ts";
import { ANYTHING, looseCall } from "./call_grammar.ts";
import { forcedCall } from "./forced_call_grammar.ts";
import type { Making } from "./in_turns.ts";
import { grammarText } from "./base_rules.ts";
import type { Detail } from "./detail.ts";
import { literal, literalChoice, literalChoiceWith } from "./literal_choice.ts";
import { argumentsRules, type Rules } from "./schema_rule.ts";
import { untilRules } from "./until_rules.ts";

/** How calls are written that are messages of their own. */
export interface MessageCalls {
  readonly messages: MessageSyntax;
  /** How the call is written after its header; undefined: its arguments are JSON. */
  readonly calls: CallSyntax | undefined;
}

/** What may stand before the start of a message in one token with it; no name begins so. */
const NO_NAME = "[^0-9A-Za-z_>]";

/**
 * Makes a GBNF grammar of one message that must call a function, from behind the role in its header
 * on.
 *
 * @returns undefined where that cannot be held
 */
export function* forcedMessage(
  tools: readonly Tool[],
  { messages: { headers, body }, calls }: MessageCalls,
  detail: Detail,
): Making<string | undefined> {
  const names = namesOf(tools);
  if (!names) return undefined;
  const [before, after] = headers.call;
  const rules: Rules = {};
  if (!calls) {
    const named = yield* argumentsAfter(tools, literal(after + body), detail, rules);
    return grammarText(`${literal(before)} ${named}`, rules);
  }
  const call = yield* forcedCall(tools, calls, detail, rules);
  if (call === undefined) return undefined;
  const header = `${literal(before)} ${literalChoice(names)} ${literal(after + body)}`;
  return grammarText(`${header} ${call}`, rules);
}

/**
 * Makes a GBNF grammar of a message that calls a function, from the token on in which its header
 * begins. It holds the arguments; anything may follow.
 *
 * @returns undefined where that cannot be held
 */
export function* begunMessage(
  tools: readonly Tool[],
  { messages: { start, body, recipient }, calls }: MessageCalls,
  detail: Detail,
): Making<string | undefined> {
  if (!namesOf(tools)) return undefined;
  const rules: Rules = untilRules(body, "until-body");
  if (calls) {
    const call = yield* looseCall(tools, calls, { detail, afterText: true }, rules);
    return call === undefined ? undefined : grammarText(`until-body ${call} ${ANYTHING}`, rules);
  }
  if (recipient === "") {
    const named = yield* argumentsAfter(tools, `${literal(body)} ws`, detail, rules);
    return grammarText(`(${NO_NAME}* ${literal(start)})? ${named} ${ANYTHING}`, rules);
  }
  Object.assign(rules, untilRules(recipient, "until-recipient"));
  // A name ends with a space, or where a mark begins.
  const end = `(" " until-body | ${literal(body.charAt(0))} until-body-1) ws`;
  const named = yield* argumentsAfter(tools, end, detail, rules);
  return grammarText(`until-recipient ("functions.")? ${named} ${ANYTHING}`, rules);
}

/** The names of functions; undefined if a header cannot name all of them. */
function namesOf(tools: readonly Tool[]): readonly string[] | undefined {
  const names = tools.map((tool) => tool.function.name);
  return names.every(fitsHeader) ? names : undefined;
}

/** A name, what stands between, and arguments by its schema. */
function* argumentsAfter(
  tools: readonly Tool[],
  between: string,
  detail: Detail,
  rules: Rules,
): Making<string> {
  const values = yield* argumentsRules(tools, detail, rules);
  return literalChoiceWith(
    new Map(tools.map((tool, index) => [tool.function.name, `${between} ${values[index]}`])),
  );
}
