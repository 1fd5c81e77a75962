import assert from "node:assert/strict";
import { join } from "node:path";
import type { WorkerEvent } from "#shared/contracts/events.ts";
import { writeCallerModel } from "../../../../tests/support/models.ts";
import { outline, textOf } from "../../testing/generator.ts";
import { type Opened, using } from "../../testing/llama.ts";
import { DEMO_MODEL } from "../../testing/worker.ts";

const COUNT = {
  type: "function",
  function: {
    name: "count",
    parameters: {
      type: "object",
      properties: { from: { enum: [7] }, sure: { type: "boolean" } },
      required: ["from"],
    },
  },
};

async function withCaller(work: (opened: Opened) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "caller.gguf");
    writeCallerModel(path, { context: 1024 });
    await using(path, {}, work);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const callsOf = (events: readonly WorkerEvent[]) => {
  const end = events.at(-1);
  assert.ok(end?.event === "end");
  return (end.data.tool_calls ?? []).map((call) => call.function);
};

Deno.test("llama.cpp: a call that the model makes itself is not text, and it continues with the result", () =>
  withCaller(async ({ generate }) => {
    const messages = [{ role: "user", content: "w1?" }];
    const events = await generate({ messages, tools: [COUNT] });
    assert.equal(outline(events).at(-1), "end TOOL_CALLS");
    assert.equal(textOf(events), "");
    assert.deepEqual(callsOf(events), [{ name: "count", arguments: '{"from": 7}' }]);
    const [call] = callsOf(events);
    const answer = await generate({
      messages: [
        ...messages,
        {
          role: "assistant",
          content: "",
          tool_calls: [{ id: "c", type: "function", function: call }],
        },
        { role: "tool", content: "w7", tool_call_id: "c" },
      ],
      tools: [COUNT],
      max_tokens: 2,
    });
    assert.equal(textOf(answer), " w8 w9");
  }));

Deno.test("llama.cpp: tool_choice none shows the model no tools and treats calls as text", () =>
  withCaller(async ({ generate }) => {
    const messages = [{ role: "user", content: "w1?" }];
    const events = await generate({ messages, tools: [COUNT], tool_choice: "none" });
    assert.match(textOf(events), /^<tool_call>\{"name": "count".*<\/tool_call>$/);
    assert.deepEqual(callsOf(events), []);
  }));

Deno.test("llama.cpp: a required call is made, with arguments that conform to the schema", () =>
  using(DEMO_MODEL, {}, async ({ generate }) => {
    const other = { type: "function", function: { name: "other" } };
    for (
      const tool_choice of ["required", { type: "function", function: { name: "count" } }]
    ) {
      const tools = tool_choice === "required" ? [COUNT] : [other, COUNT];
      const messages = [{ role: "user", content: "Count, please." }];
      const events = await generate({ messages, tools, tool_choice, max_tokens: 200 });
      assert.equal(outline(events).at(-1), "end TOOL_CALLS");
      assert.equal(textOf(events), "");
      const [call, ...more] = callsOf(events);
      assert.equal(more.length, 0);
      assert.equal(call?.name, "count");
      assert.equal(JSON.parse(call!.arguments).from, 7);
    }
  }));
