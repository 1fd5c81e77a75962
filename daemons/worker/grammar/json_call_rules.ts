import type { Tool } from "#shared/contracts/tools.ts";
import type { JsonForm } from "../chat/syntax.ts";
import type { CallWriting } from "./call_rule.ts";
import { literalChoice, literalChoiceWith } from "./literal_choice.ts";
import { argumentsRule, type Rules } from "./schema_rule.ts";

/** Fields of a call beside its name and arguments. */
const EXTRA = '"\\"" ("id" | "type" | "tool_call_id" | "call_id") "\\":" ws (string | number)';
/** White space within an object that is written as templates do. */
const SPACE = '" "?';

/** Writes a call that is a JSON object. */
export function jsonCall(
  tools: readonly Tool[],
  form: JsonForm,
  writing: CallWriting,
  rules: Rules,
): string {
  return writing.isExact
    ? exactCall(tools, form, writing, rules)
    : anyCall(tools, form, writing, rules);
}

/** With other fields or none, in the object that holds a function or alone. */
function anyCall(
  tools: readonly Tool[],
  form: JsonForm,
  { detail }: CallWriting,
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

/** With the fields that the template writes. */
function exactCall(
  tools: readonly Tool[],
  { names: [name], arguments: [given], fields }: JsonForm,
  { detail }: CallWriting,
  rules: Rules,
): string {
  const key = (text: string) => `${literalChoice([JSON.stringify(text)])} ":" space`;
  rules["space"] = SPACE;
  const comma = '"," space';
  const named = (before: string, after: string) =>
    literalChoiceWith(
      new Map(tools.map((tool, index) => {
        const values = argumentsRule(tool, index, detail, rules);
        return [JSON.stringify(tool.function.name), `${before} ${values} ${after}`];
      })),
    );
  if (name === undefined || given === undefined) return `"{" ${named('":" space', "")} "}"`;
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
  return `"{" ${before.join("")}${key(name)} ${named(toArguments, after.join(" "))} "}"`;
}

/** Whether the reader knows a field beside name and arguments. */
function isExtra(key: string): boolean {
  return key === "type" || /^(\w+_)?id$/.test(key);
}

function extraValue(key: string): string {
  return key === "type" ? '"\\"function\\""' : '"\\"" [0-9A-Za-z_-]{1,64} "\\""';
}
