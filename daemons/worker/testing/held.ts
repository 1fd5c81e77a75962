import assert from "node:assert/strict";
import { join } from "node:path";
import type { WorkerEvent } from "#shared/contracts/events.ts";
import {
  type ScriptModelOptions,
  scriptWord,
  writeScriptModel,
} from "../../../tests/support/script_model.ts";
import { idsOf } from "./generator.ts";
import { endOf, using } from "./llama.ts";

/** Functions and a schema that grammars hold. */
const LOOK = {
  type: "function",
  function: {
    name: "look",
    parameters: {
      type: "object",
      properties: { where: { enum: ["near", "far"] }, times: { type: "integer" } },
      required: ["where", "times"],
    },
  },
};
const STOP = { type: "function", function: { name: "stop_it" } };
export const TOOLS = [LOOK, STOP];
export const SCHEMA = {
  type: "object",
  properties: { size: { enum: ["small", "large"] } },
  required: ["size"],
};

/** Asks for a script, by its number, with fields of a request. */
export type Ask = (script: number, fields?: Record<string, unknown>) => Promise<WorkerEvent[]>;

/** Runs a model that says scripts. */
export async function withScripts(
  model: ScriptModelOptions,
  test: (ask: Ask) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "llorch-held-" });
  try {
    const path = join(folder, "script.gguf");
    writeScriptModel(path, model);
    await using(path, { context: 4096 }, ({ generate }) =>
      test((script, fields) =>
        generate({
          messages: [{ role: "user", content: `Say ${scriptWord(script)}` }],
          max_tokens: 300,
          ...fields,
        })
      ));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The calls of an answer. */
export const callsOf = (events: readonly WorkerEvent[]) =>
  (endOf(events).tool_calls ?? []).map(({ function: { name, arguments: text } }) => ({
    name,
    args: JSON.parse(text),
  }));
/** The thoughts of an answer. */
export const thoughtOf = (events: readonly WorkerEvent[]) =>
  events.map((each) =>
    each.event === "token" && each.data.channel === "reasoning" ? each.data.t : ""
  ).join("");

/** Whether a call fits one of the offered functions. */
export function assertOffered(
  { name, args }: { readonly name: string; readonly args: unknown },
): void {
  if (name === "stop_it") return assert.deepEqual(args, {});
  assert.equal(name, "look");
  const { where, times, ...more } = args as Record<string, unknown>;
  assert.ok(where === "near" || where === "far", `where is ${where}`);
  assert.ok(Number.isInteger(times), `times is ${times}`);
  assert.deepEqual(more, {});
}

/** Goes on after some counts of events as another worker does: the rest must be the same. */
export async function assertResumes(
  ask: (fields: Record<string, unknown>) => Promise<WorkerEvent[]>,
): Promise<void> {
  const whole = await ask({ job_id: "job" });
  const tokens = whole.filter((each) => each.event === "token");
  const step = Math.max(1, Math.floor(tokens.length / 7));
  for (let sent = 1; sent < tokens.length; sent += step) {
    const rest = await ask({
      job_id: "job",
      resume_index: sent,
      resume_tokens: idsOf(tokens.slice(0, sent)),
    });
    assert.deepEqual(
      rest.filter((each) => each.event === "token").map((each) => each.data),
      tokens.slice(sent).map((each) => each.data),
      `after ${sent} events`,
    );
    assert.deepEqual(endOf(rest).tool_calls, endOf(whole).tool_calls);
  }
}
