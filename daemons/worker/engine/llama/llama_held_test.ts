/**
 * What grammars make of a model that would write something else: a model says its script wherever the
 * grammar lets it, and another token where it does not.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { WorkerEvent } from "#shared/contracts/events.ts";
import { scriptWord, writeScriptModel } from "../../../../tests/support/script_model.ts";
import { idsOf, outline, textOf } from "../../testing/generator.ts";
import { endOf, type Opened, using } from "../../testing/llama.ts";

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
const TOOLS = [LOOK, STOP];
const SCHEMA = {
  type: "object",
  properties: { size: { enum: ["small", "large"] } },
  required: ["size"],
};

/** How a family writes calls: a part of its template, and a call of its own. */
interface Family {
  readonly template: string;
  readonly marks: readonly string[];
  readonly call: (name: string, args: Readonly<Record<string, unknown>>) => string;
}

const FAMILIES: Readonly<Record<string, Family>> = {
  "JSON": {
    template: '<tool_call>\n{"name": "{{ call.function.name }}", "arguments": ' +
      "{{ call.function.arguments | tojson }}}\n</tool_call>",
    marks: ["<tool_call>", "</tool_call>"],
    call: (name, args) => `<tool_call>\n${JSON.stringify({ name, arguments: args })}\n</tool_call>`,
  },
  "a name before JSON": {
    template: "<|invoke|>{{ call.function.name }}<|args|>{{ call.function.arguments | tojson }}" +
      "<|/invoke|>",
    marks: ["<|invoke|>", "<|args|>", "<|/invoke|>"],
    call: (name, args) => `<|invoke|>${name}<|args|>${JSON.stringify(args)}<|/invoke|>`,
  },
  "tags": {
    template: "<tool_call>\n<function={{ call.function.name }}>\n" +
      "{% for key, value in call.function.arguments | items %}<parameter={{ key }}>\n" +
      "{{ value if value is string else value | tojson }}\n</parameter>\n{% endfor %}" +
      "</function>\n</tool_call>",
    marks: ["<tool_call>", "</tool_call>"],
    call: (name, args) => {
      const values = Object.entries(args).map(([key, value]) =>
        `<parameter=${key}>\n${value}\n</parameter>\n`
      );
      return `<tool_call>\n<function=${name}>\n${values.join("")}</function>\n</tool_call>`;
    },
  },
};

const templateOf = (calls: string) =>
  "{% if tools %}<|turn|>tools\n{{ tools | tojson }}<|end|>{% endif %}" +
  "{% for message in messages %}<|turn|>{{ message.role }}\n" +
  "{% if message.reasoning_content %}<think>\n{{ message.reasoning_content }}\n</think>\n\n" +
  "{% endif %}{{ message.content }}" +
  `{% for call in message.tool_calls or [] %}\n${calls}{% endfor %}<|end|>{% endfor %}` +
  "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}";

/** Runs a model of a family; `ask` makes it say a script. */
async function withScripts(
  { template, marks }: Family,
  scripts: readonly string[],
  test: (
    ask: (script: number, fields?: Record<string, unknown>) => Promise<WorkerEvent[]>,
    opened: Opened,
  ) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "llorch-held-" });
  try {
    const path = join(folder, "script.gguf");
    writeScriptModel(path, {
      scripts,
      template: templateOf(template),
      control: ["<|turn|>"],
      userDefined: ["<think>", "</think>", ...marks],
      eos: "<|end|>",
    });
    await using(path, { context: 4096 }, (opened) =>
      test((script, fields) =>
        opened.generate({
          messages: [{ role: "user", content: `Say ${scriptWord(script)}` }],
          max_tokens: 300,
          ...fields,
        }), opened));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const callsOf = (events: readonly WorkerEvent[]) =>
  (endOf(events).tool_calls ?? []).map(({ function: { name, arguments: text } }) => ({
    name,
    args: JSON.parse(text),
  }));
const thoughtOf = (events: readonly WorkerEvent[]) =>
  events.map((each) =>
    each.event === "token" && each.data.channel === "reasoning" ? each.data.t : ""
  ).join("");

/** Whether a call fits one of the offered functions. */
function assertOffered({ name, args }: { readonly name: string; readonly args: unknown }): void {
  if (name === "stop_it") return assert.deepEqual(args, {});
  assert.equal(name, "look");
  const { where, times, ...more } = args as Record<string, unknown>;
  assert.ok(where === "near" || where === "far", `where is ${where}`);
  assert.ok(Number.isInteger(times), `times is ${times}`);
  assert.deepEqual(more, {});
}

/** Goes on after some counts of events as another worker does: the rest must be the same. */
async function assertResumes(
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

for (const [form, family] of Object.entries(FAMILIES)) {
  const { call } = family;
  const right = { where: "far", times: 12 };
  const scripts = [
    `Well.\n${call("look", right)}`,
    `${call("look", right)}\n${call("stop_it", {})}`,
    call("leave", right),
    call("look", { where: "nowhere", times: 3 }),
    call("look", { where: "near", times: "many" }),
    `${call("look", right)}\n${call("look", { where: "x", times: "y" })}`,
    "There is nothing to look at.",
  ];

  Deno.test(`llama.cpp: calls as ${form} that the model need not make are as their schemas want`, () =>
    withScripts(family, scripts, async (ask) => {
      const said = async (script: number) => await ask(script, { tools: TOOLS });
      const one = await said(0);
      assert.equal(textOf(one), "Well.");
      assert.deepEqual(callsOf(one), [{ name: "look", args: right }]);
      assert.deepEqual(callsOf(await said(1)), [
        { name: "look", args: right },
        { name: "stop_it", args: {} },
      ]);
      for (const script of [2, 3, 4]) {
        const events = await said(script);
        assert.equal(outline(events).at(-1), "end TOOL_CALLS", `script ${script}`);
        assert.equal(textOf(events), "");
        const [first] = callsOf(events);
        assertOffered(first!);
      }
      const two = callsOf(await said(5));
      assert.deepEqual(two[0], { name: "look", args: right });
      assert.equal(two.length, 2);
      assertOffered(two[1]!);
      assert.equal(textOf(await said(6)), scripts[6]);
    }));

  Deno.test(`llama.cpp: a held call as ${form} goes on in another worker`, () =>
    withScripts(family, scripts, async (ask) => {
      for (const script of [2, 3, 5]) {
        await assertResumes((fields) => ask(script, { tools: TOOLS, ...fields }));
      }
    }));

  Deno.test(`llama.cpp: a forced call as ${form} is made, after a thought or at once`, () =>
    withScripts(
      family,
      [call("look", right), `<think>\nOne ${call("stop_it", {})} is not it.</think>`, "No."],
      async (ask) => {
        for (const script of [0, 1, 2]) {
          const fields = { tools: TOOLS, tool_choice: "required" };
          const events = await ask(script, fields);
          assert.equal(outline(events).at(-1), "end TOOL_CALLS", `script ${script}`);
          assert.equal(textOf(events), "");
          assert.match(thoughtOf(events), script === 1 ? /^One .* is not it\.$/s : /^$/);
          const [first, ...more] = callsOf(events);
          assert.deepEqual(more, []);
          assertOffered(first!);
          if (script === 0) assert.deepEqual(first, { name: "look", args: right });
          await assertResumes((more) => ask(script, { ...fields, ...more }));
        }
      },
    ));

  Deno.test(`llama.cpp: beside a schema, the answer is calls as ${form} or fits it`, () =>
    withScripts(
      family,
      [
        call("look", right),
        '{"size": "small"}',
        "<think>\nWhich?\n</think>\n\n" + call("leave", { where: "x", times: "y" }),
        `<think>\nWhich?\n</think>\n\n{"size": "${family.marks[0]}"}`,
      ],
      async (ask) => {
        const fields = { tools: TOOLS, json_schema: SCHEMA };
        const made = await ask(0, fields);
        assert.deepEqual([textOf(made), callsOf(made)], ["", [{ name: "look", args: right }]]);
        const said = await ask(1, fields);
        assert.deepEqual([textOf(said), callsOf(said)], ['{"size": "small"}', []]);
        const held = await ask(2, fields);
        assert.equal(thoughtOf(held), "Which?");
        assert.equal(textOf(held), "");
        assertOffered(callsOf(held)[0]!);
        const other = await ask(3, fields);
        assert.equal(thoughtOf(other), "Which?");
        assert.match(JSON.parse(textOf(other)).size, /^(small|large)$/);
        for (const script of [1, 2, 3]) {
          await assertResumes((more) => ask(script, { ...fields, ...more }));
        }
      },
    ));
}

Deno.test("llama.cpp: a model may think before what a schema holds, and need not", () =>
  withScripts(
    FAMILIES["JSON"]!,
    [
      '<think>\nIt is {"size": 3}.\n</think>\n\n{"size": "large"}',
      "<think>\nHm.\n</think>\n\nIt is large.",
      '{"size": "small"}',
      "It is small.",
    ],
    async (ask) => {
      const fields = { json_schema: SCHEMA };
      const thoughts = ['It is {"size": 3}.', "Hm.", ""];
      for (const [script, thought] of thoughts.entries()) {
        const events = await ask(script, fields);
        assert.equal(thoughtOf(events), thought);
        assert.match(JSON.parse(textOf(events)).size, /^(small|large)$/);
        if (script === 0) assert.equal(textOf(events), '{"size": "large"}');
        if (script === 2) assert.equal(textOf(events), '{"size": "small"}');
        await assertResumes((more) => ask(script, { ...fields, ...more }));
      }
      // Where thoughts are not wanted, the schema holds from the first token on.
      for (const none of [{ reasoning_effort: "none" }, { reasoning_format: "none" }]) {
        for (const script of [1, 3]) {
          const events = await ask(script, { ...fields, ...none });
          assert.equal(thoughtOf(events), "");
          assert.match(JSON.parse(textOf(events)).size, /^(small|large)$/);
        }
      }
    },
  ));
