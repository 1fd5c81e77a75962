import type { Tool } from "#shared/contracts/tools.ts";
import type { CallSyntax, NamedForm } from "../chat/syntax.ts";
import type { Making } from "./in_turns.ts";
import { jsonCall } from "./json_call_rules.ts";
import type { CallWriting } from "./call_writing.ts";
import { literal, literalChoiceWith } from "./literal_choice.ts";
import { literalCall } from "./literal_call_rules.ts";
import { argumentsRules, type Rules } from "./schema_rule.ts";
import { taggedCall } from "./tagged_call_rules.ts";

const NAMESPACE = "functions.";
/** Characters that may end a name for the reader. */
const UNSAFE_NAME = /[{[<>\n"|]/;

/**
 * Writes one call from its name or object on, without the marks around it.
 *
 * @param rules Has a rule `gap` of the white space around marks.
 * @returns undefined for a form that cannot be held
 */
export function* callRule(
  tools: readonly Tool[],
  { form, before, closes }: CallSyntax,
  writing: CallWriting,
  rules: Rules,
): Making<string | undefined> {
  const { detail, isExact } = writing;
  if (form.kind === "json") return yield* jsonCall(tools, form, writing, rules);
  if (tools.some(({ function: { name } }) => UNSAFE_NAME.test(name) || name !== name.trim())) {
    return undefined;
  }
  const hasNamespace = isExact || before.endsWith(NAMESPACE);
  const namespace = hasNamespace ? "" : `(${literal(NAMESPACE)})? `;
  if (form.kind === "named") return namespace + (yield* namedCall(tools, form, writing, rules));
  const named = form.kind === "literal"
    ? yield* literalCall(tools, form, detail, rules)
    : yield* taggedCall(tools, form, closes[0], detail, rules);
  return named === undefined ? undefined : namespace + named;
}

function* namedCall(
  tools: readonly Tool[],
  { end, id, nameMark }: NamedForm,
  { detail, isExact }: CallWriting,
  rules: Rules,
): Making<string> {
  const own = id === undefined ? "" : `${literal(id)} [0-9A-Za-z_-]{1,64}`;
  const idPart = own === "" || isExact ? own : `(${own})?`;
  const endPart = end === "" ? "" : `${literal(end)} gap`;
  const values = yield* argumentsRules(tools, detail, rules);
  const named = literalChoiceWith(
    new Map(
      tools.map((
        { function: { name } },
        index,
      ) => [name, `${idPart} gap ${endPart} ${values[index]}`]),
    ),
  );
  if (nameMark === undefined) return named;
  return `[0-9A-Za-z_.:-]{${isExact ? 1 : 0},64} ${literal(nameMark)} ${named}`;
}
