import type { Tool } from "#shared/contracts/tools.ts";
import type { JsonForm } from "../chat/syntax.ts";
import type { CallWriting } from "./call_writing.ts";
import type { Making } from "./in_turns.ts";
import { literalChoice, literalChoiceWith } from "./literal_choice.ts";
import { argumentsRules, type Rules } from "./schema_rule.ts";

/** Fields of a call beside its name and arguments. */
const EXTRA = '"\\"" ("id" | "type" | "tool_call_id" | "call_id") "\\":" ws (string | number)';
/** White space within an object that is written as templates do. */
const SPACE = '" "?';

/** Writes a call that is a JSON object. */
export function* jsonCall(
  tools: readonly Tool[],
  form: JsonForm,
  { detail, isExact }: CallWriting,
  rules: Rules,
): Making<string> {
  const values = yield* argumentsRules(tools, detail, rules);
  const named = tools.map((tool, index) =>
    [JSON.stringify(tool.function.name), values[index]!] as const
  );
  return isExact ? exactCall(named, form, rules) : anyCall(named, form, rules);
}

/** Names of functions as JSON, each with the rule of its arguments. */
type Named = readonly (readonly [name: string, values: string])[];

/** With other fields or none, in the object that holds a function or alone. */
function anyCall(named: Named, form: JsonForm, rules: Rules): string {
  rules["extra"] = EXTRA;
  const isKey = form.names.length === 0;
  const key = (keys: readonly string[]) =>
    `${literalChoice(keys.map((key) => JSON.stringify(key)))} ws ":" ws`;
  const field = isKey ? '":"' : `"," ws (extra ws "," ws)? ${key(form.arguments)}`;
  const choice = literalChoiceWith(
    new Map(named.map(([name, values]) => [name, `ws ${field} ws ${values}`])),
  );
  const name = isKey ? "" : `(extra ws "," ws)? ${key(form.names)} `;
  rules["object-call"] = `"{" ws ${name}${choice} ws ("," ws extra ws){0,2} "}"`;
  return `object-call | "{" ws "\\"type\\"" ws ":" ws "\\"function\\"" ws "," ws ` +
    `"\\"function\\"" ws ":" ws object-call ws "}"`;
}

/** With the fields that the template writes. */
function exactCall(
  named: Named,
  { names: [name], arguments: [given], fields }: JsonForm,
  rules: Rules,
): string {
  const key = (text: string) => `${literalChoice([JSON.stringify(text)])} ":" space`;
  rules["space"] = SPACE;
  const comma = '"," space';
  const choice = (before: string, after: string) =>
    literalChoiceWith(
      new Map(named.map(([name, values]) => [name, `${before} ${values} ${after}`])),
    );
  if (name === undefined || given === undefined) return `"{" ${choice('":" space', "")} "}"`;
  const all = fields ?? [name, given];
  const extras = (keys: readonly string[]) =>
    keys.filter((each) => isExtra(each)).map((each) => `${key(each)} ${extraValue(each)}`);
  const nameAt = all.indexOf(name);
  const givenAt = all.indexOf(given);
  const before = extras(all.slice(0, nameAt)).map((field) => `${field} ${comma} `);
  // Arguments follow the name, which says what they are.
  const between = extras(all.slice(nameAt + 1, Math.max(nameAt + 1, givenAt)));
  const after = extras(all.slice(Math.max(nameAt, givenAt) + 1)).map((each) => `${comma} ${each}`);
  const toArguments = [...between, key(given)].map((field) => `${comma} ${field}`).join(" ");
  return `"{" ${before.join("")}${key(name)} ${choice(toArguments, after.join(" "))} "}"`;
}

/** Whether the reader knows a field beside name and arguments. */
function isExtra(key: string): boolean {
  return key === "type" || /^(\w+_)?id$/.test(key);
}

function extraValue(key: string): string {
  return key === "type" ? '"\\"function\\""' : '"\\"" [0-9A-Za-z_-]{1,64} "\\""';
}
