import type { Tool } from "#shared/contracts/tools.ts";
import type { CallSyntax, JsonForm, NamedForm } from "../chat/syntax.ts";
import { allBut, charsOf } from "./char_set.ts";
import { classOf } from "./char_rules.ts";
import { type Detail, grammarText } from "./json_grammar.ts";
import { literal, literalChoice, literalChoiceWith } from "./literal_choice.ts";
import { literalCall } from "./literal_call_rules.ts";
import { type Rules, schemaRule } from "./schema_rule.ts";
import { taggedCall } from "./tagged_call_rules.ts";
import { argumentsSchema } from "./tool_grammar.ts";

/** What stands around the call of a {@linkcode callGrammar}. */
export interface CallGrammarOptions {
  readonly detail?: Detail;
  /** Whether text may stand before its first mark, as in the token that has it. */
  readonly afterText?: boolean;
  /** Whether anything may follow it; otherwise its last marks may. */
  readonly beforeText?: boolean;
}

/** White space around marks, with which models are free. */
const GAP = "[ \\t\\r\\n]{0,8}";
const ANYTHING = "[^\\x00]*";
/** Fields of a call beside its name and arguments. */
const EXTRA = '"\\"" ("id" | "type" | "tool_call_id" | "call_id") "\\":" ws (string | number)';
const NAMESPACE = "functions.";
/** Characters that may end a name for the reader. */
const UNSAFE_NAME = /[{[<>\n"|]/;

/**
 * Makes a GBNF grammar of one call as a model's own syntax writes it: the name of a function, and
 * arguments that follow its schema as far as a grammar can hold it. Marks around it may be left out
 * and white space may differ, as for the reader.
 *
 * @returns undefined for a form that cannot be held
 */
export function callGrammar(
  tools: readonly Tool[],
  syntax: CallSyntax,
  options: CallGrammarOptions = {},
): string | undefined {
  const { detail = "all", afterText = false, beforeText = false } = options;
  const { form, before, closes } = syntax;
  const isList = form.kind === "json" || form.kind === "literal" && before === "";
  if (!isList && before === "") return undefined;
  const rules: Rules = { gap: GAP };
  const call = callRule(tools, syntax, detail, rules);
  if (call === undefined) return undefined;
  const opens = syntax.opens.filter((mark) => mark !== before);
  // Without any mark, only JSON is read as a call; another call of a list has none.
  const isMarked = form.kind === "literal" && !afterText;
  const marks = isMarked ? `${literal(opens[0] ?? "")} gap` : optional(opens);
  if (isMarked && before === "" && !opens[0]) return undefined;
  const lead = isList
    ? `${marks} ("[" gap)?`
    : `${optional(opens)} ${literal(before)}${isTag(before) ? " gap" : ""}`;
  const own = form.kind === "tagged" ? closes.slice(1) : closes;
  const end = beforeText ? ANYTHING : `gap ${isList ? '("]" gap)? ' : ""}${optional(own)}`;
  const start = afterText ? `${textBefore(syntax)}*` : "gap";
  return grammarText(`${start} ${lead} (${call}) ${end}`, rules);
}

function callRule(
  tools: readonly Tool[],
  syntax: CallSyntax,
  detail: Detail,
  rules: Rules,
): string | undefined {
  const { form, before, closes } = syntax;
  if (form.kind === "json") return jsonCall(tools, form, detail, rules);
  if (tools.some(({ function: { name } }) => UNSAFE_NAME.test(name) || name !== name.trim())) {
    return undefined;
  }
  const namespace = before.endsWith(NAMESPACE) ? "" : `(${literal(NAMESPACE)})? `;
  if (form.kind === "named") return namespace + namedCall(tools, form, detail, rules);
  const named = form.kind === "literal"
    ? literalCall(tools, form, detail, rules)
    : taggedCall(tools, form, closes[0], detail, rules);
  return named === undefined ? undefined : namespace + named;
}

function jsonCall(
  tools: readonly Tool[],
  form: JsonForm,
  detail: Detail,
  rules: Rules,
): string {
  rules["extra"] = EXTRA;
  const isKey = form.names.length === 0;
  const key = (keys: readonly string[]) =>
    `${literalChoice(keys.map((key) => JSON.stringify(key)))} ws ":" ws`;
  const named = literalChoiceWith(
    new Map(tools.map((tool, index) => {
      const values = argumentsRule(tool, index, detail, rules);
      const field = isKey ? '":"' : `"," ws (extra ws "," ws)? ${key(form.arguments)}`;
      return [JSON.stringify(tool.function.name), `ws ${field} ws ${values}`];
    })),
  );
  const name = isKey ? "" : `(extra ws "," ws)? ${key(form.names)} `;
  rules["object-call"] = `"{" ws ${name}${named} ws ("," ws extra ws){0,2} "}"`;
  return `object-call | "{" ws "\\"type\\"" ws ":" ws "\\"function\\"" ws "," ws ` +
    `"\\"function\\"" ws ":" ws object-call ws "}"`;
}

function namedCall(
  tools: readonly Tool[],
  form: NamedForm,
  detail: Detail,
  rules: Rules,
): string {
  const id = form.id === undefined ? "" : `(${literal(form.id)} [0-9A-Za-z_-]{1,64})? `;
  const end = form.end === "" ? "" : `${literal(form.end)} gap `;
  const named = literalChoiceWith(
    new Map(tools.map((tool, index) => {
      const values = argumentsRule(tool, index, detail, rules);
      return [tool.function.name, `${id}gap ${end}${values}`];
    })),
  );
  if (form.nameMark === undefined) return named;
  return `[0-9A-Za-z_.:-]{0,64} ${literal(form.nameMark)} ${named}`;
}

/** Adds a rule of a function's arguments, any object where its schema cannot be held. */
function argumentsRule(tool: Tool, index: number, detail: Detail, rules: Rules): string {
  const name = `arguments-${index}`;
  rules[name] = schemaRule(argumentsSchema(tool), `t${index}x`, detail, rules) ?? "object";
  return name;
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
