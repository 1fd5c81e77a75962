import type { Tool } from "#shared/contracts/tools.ts";
import type { CallSyntax } from "../chat/syntax.ts";
import { callRule } from "./call_rule.ts";
import { allBut, charsOf } from "./char_set.ts";
import { classOf } from "./char_rules.ts";
import type { Making } from "./in_turns.ts";
import { grammarText } from "./base_rules.ts";
import type { Detail } from "./detail.ts";
import { literal } from "./literal_choice.ts";
import type { Rules } from "./schema_rule.ts";

/** What stands around the call of a {@linkcode callGrammar}. */
export interface CallGrammarOptions {
  readonly detail?: Detail;
  /** Whether text may stand before its first mark, as in the token that has it. */
  readonly afterText?: boolean;
}

/** White space around marks, with which models are free. */
const GAP = "[ \\t\\r\\n]{0,8}";
/** Any text that may follow. */
export const ANYTHING = "[^\\x00]*";

/**
 * Makes a GBNF grammar of a call that need not be made, as a model's own syntax writes it: the name of
 * a function, and arguments that follow its schema as far as a grammar can hold it. Marks before it
 * may be left out and white space may differ, as for the reader. Anything may follow. It may be interrupted.
 *
 * @returns undefined for a form that cannot be held
 */
export function* callGrammar(
  tools: readonly Tool[],
  syntax: CallSyntax,
  options: CallGrammarOptions = {},
): Making<string | undefined> {
  const rules: Rules = {};
  const call = yield* looseCall(tools, syntax, options, rules);
  return call === undefined ? undefined : grammarText(`${call} ${ANYTHING}`, rules);
}

/** The same up to its end, as an expression whose rules are added. */
export function* looseCall(
  tools: readonly Tool[],
  syntax: CallSyntax,
  { detail = "all", afterText = false }: CallGrammarOptions,
  rules: Rules,
): Making<string | undefined> {
  const { form, before } = syntax;
  const isList = form.kind === "json" || form.kind === "literal" && before === "";
  if (!isList && before === "") return undefined;
  rules["gap"] = GAP;
  const call = yield* callRule(tools, syntax, { detail, isExact: false }, rules);
  if (call === undefined) return undefined;
  const opens = syntax.opens.filter((mark) => mark !== before);
  // Without any mark, only JSON is read as a call; another call of a list has none.
  const isMarked = form.kind === "literal" && !afterText;
  const marks = isMarked ? `${literal(opens[0] ?? "")} gap` : optional(opens);
  if (isMarked && before === "" && !opens[0]) return undefined;
  const lead = isList
    ? `${marks} ("[" gap)?`
    : `${optional(opens)} ${literal(before)}${isTag(before) ? " gap" : ""}`;
  const start = afterText ? `${textBefore(syntax)}* ` : "";
  return `${start}${lead} (${call})`;
}

/** Marks in their order, each there or not. */
function optional(marks: readonly string[]): string {
  const written = marks.filter((mark) => mark !== "").map((mark) => `(${literal(mark)} gap)?`);
  return written.length === 0 ? '""' : written.join(" ");
}

/** A character that cannot begin calls. */
function textBefore({ opens, before, form }: CallSyntax): string {
  // A name may follow no mark.
  if (form.kind === "literal" && before === "") return "[ \\t\\r\\n,;)}]";
  const bare = form.kind === "json" ? ["{", "["] : [];
  const first = [...opens, before, ...bare].map((mark) => [...mark][0] ?? "");
  return classOf(allBut(charsOf(first.join(""))));
}

/** Whether white space may stand behind a mark, before a name. */
function isTag(mark: string): boolean {
  return /[>\]]$/.test(mark);
}
