import type { Tool } from "#shared/contracts/tools.ts";
import type { CallSyntax } from "../chat/syntax.ts";
import { callRule } from "./call_rule.ts";
import type { Making } from "./in_turns.ts";
import { grammarText } from "./base_rules.ts";
import type { Detail } from "./detail.ts";
import { literal } from "./literal_choice.ts";
import type { Rules } from "./schema_rule.ts";

/** White space around marks. */
const GAP = "[ \\n]?";

/**
 * Makes a GBNF grammar of one call that must be made, as the model's own template writes it and in no
 * other way: a small model loses itself in what is only possible. It may be interrupted.
 *
 * @returns undefined for a form that cannot be held
 */
export function* forcedCallGrammar(
  tools: readonly Tool[],
  syntax: CallSyntax,
  detail: Detail = "all",
): Making<string | undefined> {
  const rules: Rules = {};
  const call = yield* forcedCall(tools, syntax, detail, rules);
  return call === undefined ? undefined : grammarText(call, rules);
}

/** The same as an expression whose rules are added. */
export function* forcedCall(
  tools: readonly Tool[],
  syntax: CallSyntax,
  detail: Detail,
  rules: Rules,
): Making<string | undefined> {
  const { form, before, closes } = syntax;
  const lead = syntax.lead ?? leadOf(syntax);
  // Without any mark, only JSON is read as a call; only literals have none right before a name.
  const mark = form.kind === "literal" ? lead.trim() : before;
  if (form.kind !== "json" && mark === "") return undefined;
  rules["gap"] = GAP;
  const call = yield* callRule(tools, syntax, { detail, isExact: true }, rules);
  if (call === undefined) return undefined;
  const ends = [
    ...(lead.trimEnd().endsWith("[") ? ["]"] : []),
    ...(form.kind === "tagged" ? closes.slice(1) : closes),
  ];
  return `${spaced(lead, [...syntax.opens, before])} (${call}) ${afterCall(ends)}`;
}

/** A text whose white space may be left out, but for that within its marks. */
function spaced(text: string, marks: readonly string[]): string {
  const longest = marks.filter((mark) => mark !== "").sort((a, b) => b.length - a.length);
  const parts = text.split(new RegExp(`(${[...longest.map(RegExp.escape), "\\s+"].join("|")})`));
  const written = parts.filter((part) => part !== "")
    .map((part) => part.trim() === "" ? `${literal(part)}?` : literal(part));
  return written.length === 0 ? '""' : written.join(" ");
}

/** Marks in their order. The model may end its answer before any of them. */
function afterCall(marks: readonly string[]): string {
  return marks.toReversed().reduce(
    (after, mark) => `(gap ${literal(mark)} ${after})?`,
    '""',
  );
}

/** The marks before a call, where the text there is not known to the letter. */
function leadOf({ opens, before }: CallSyntax): string {
  const others = opens.filter((mark) => mark !== before);
  return [...others, before].filter((mark) => mark !== "").join("\n");
}
