import type { Answer } from "./answers.ts";
import { ANSWER, CALLS, type Family, type ScriptName, THOUGHT } from "./families.ts";
import { argumentsJson } from "./calls.ts";

/** Functions that every request offers. */
export const TOOLS = [
  tool("find_place", {
    name: { type: "string", description: "Its name" },
    id: { type: "integer", description: "Its number" },
  }),
  tool("get_hour", { city: { type: "string", description: "Where" } }),
] as const;

function tool(name: string, properties: Record<string, unknown>) {
  return {
    type: "function",
    function: {
      name,
      description: `Does ${name}`,
      parameters: { type: "object", properties, required: Object.keys(properties) },
    },
  } as const;
}

/** Whether a chat with this script offers functions. */
export const offersTools = (script: ScriptName) => script !== "text";

/** What is wrong with the parts of an answer; nothing where all is as it should be. */
export interface Faults {
  readonly thought?: string;
  readonly content?: string;
  readonly calls?: string;
  readonly reason?: string;
}

/** Compares an answer with what the family's script says. Space around thought and text does not count. */
export function faultsOf(family: Family, script: ScriptName, answer: Answer): Faults {
  const wanted = script === "text" ? [] : script === "single" ? CALLS.slice(0, 1) : CALLS;
  const made = wanted.map((call) => `${call.name} ${same(family, argumentsJson(call))}`);
  const got = answer.calls.map((call) => `${call.name} ${same(family, call.arguments)}`);
  const reasons = script === "text" ? ["EOS", "stop"] : ["TOOL_CALLS", "tool_calls"];
  return {
    ...differs("thought", family.thought ? THOUGHT : "", answer.reasoning.trim()),
    ...differs("content", script === "text" ? ANSWER : "", answer.content.trim()),
    ...differs("calls", made.join("; "), got.join("; ")),
    ...(reasons.includes(answer.reason) ? {} : { reason: `ended by ${answer.reason}` }),
  };
}

/** Arguments that a model writes as JSON are kept to the byte; others may have any space between. */
function same(family: Family, text: string): string {
  return family.ownJson ? text : text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, "$1");
}

function differs(part: string, wanted: string, got: string): Record<string, string> {
  if (wanted === got) return {};
  return { [part]: `${JSON.stringify(got)} instead of ${JSON.stringify(wanted)}` };
}

/** Marks of the family that a client sees. */
export function shownMarks(family: Family, { reasoning, content, calls }: Answer): string[] {
  const { control = [], userDefined = [], eos = "</s>" } = family;
  const shown = [reasoning, content, ...calls.map((call) => call.name + call.arguments)].join("\n");
  return [...control, ...userDefined, eos].filter((mark) => shown.includes(mark));
}
