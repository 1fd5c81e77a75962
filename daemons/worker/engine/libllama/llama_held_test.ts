/**
 * What grammars make of a model that would write something else: a model says its script wherever the
 * grammar lets it, and another token where it does not.
 *
 * @module
 */
import assert from "node:assert/strict";
import { scriptWord } from "../../../../tests/support/script_model.ts";
import { outline, textOf } from "../../testing/generator.ts";
import { endOf, fieldIs } from "../../testing/llama.ts";
import {
  type Ask,
  assertOffered,
  assertResumes,
  callsOf,
  SCHEMA,
  thoughtOf,
  TOOLS,
  withScripts,
} from "../../testing/held.ts";

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

/** Runs a model of a family. */
const withFamily = (
  { template, marks }: Family,
  scripts: readonly string[],
  test: (ask: Ask) => Promise<void>,
) =>
  withScripts({
    scripts,
    template: templateOf(template),
    control: ["<|turn|>"],
    userDefined: ["<think>", "</think>", ...marks],
    eos: "<|end|>",
  }, test);

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
    withFamily(family, scripts, async (ask) => {
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
    withFamily(family, scripts, async (ask) => {
      for (const script of [2, 3, 5]) {
        await assertResumes((fields) => ask(script, { tools: TOOLS, ...fields }));
      }
    }));

  Deno.test(`llama.cpp: a forced call as ${form} is made, after a thought or at once`, () =>
    withFamily(
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
    withFamily(
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
  withFamily(
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

Deno.test("llama.cpp: what is held comes also after a thought that the model does not end", () =>
  withFamily(FAMILIES["JSON"]!, ["<think>\nHm."], async (ask) => {
    const forced = { tools: TOOLS, tool_choice: "required" };
    for (const temperature of [0, 1]) {
      const called = await ask(0, { ...forced, temperature, seed: 5 });
      assert.equal(outline(called).at(-1), "end TOOL_CALLS");
      assert.equal(textOf(called), "");
      assertOffered(callsOf(called)[0]!);
    }
    const said = await ask(0, { json_schema: SCHEMA });
    assert.equal(thoughtOf(said), "Hm.");
    assert.match(JSON.parse(textOf(said)).size, /^(small|large)$/);
    for (const fields of [forced, { json_schema: SCHEMA, temperature: 1, seed: 5 }]) {
      await assertResumes((more) => ask(0, { ...fields, ...more }));
    }
    assert.equal(textOf(await ask(0)), "", "nothing is due");
  }));

Deno.test("llama.cpp: a schema holds the whole of an answer that the request begins", () =>
  withFamily(FAMILIES["JSON"]!, ['"small"}', "It is large."], async (ask) => {
    const begun = (content: string, fields = {}) => ({
      messages: [
        { role: "user", content: `Say ${scriptWord(1)}` },
        { role: "assistant", content },
      ],
      json_schema: SCHEMA,
      ...fields,
    });
    for (const start of ['{"size": "sm', '{"size"', ' {"size": ', '{"size": "large"', "{"]) {
      const events = await ask(1, begun(start));
      assert.equal(thoughtOf(events), "");
      assert.match(JSON.parse(start + textOf(events)).size, /^(small|large)$/, start);
      await assertResumes((more) => ask(1, begun(start, more)));
    }
    const refused = fieldIs("messages.1.content");
    for (const start of ["It is", '{"length"', '{"size": 3']) {
      await assert.rejects(ask(1, begun(start)), refused, start);
    }
  }));

Deno.test("llama.cpp: a model cannot open a thought again once it may think no more", () =>
  withFamily(FAMILIES["JSON"]!, ["<think>\na b c d e f</think><think>g</think>Hi"], async (ask) => {
    for (const reasoning_budget_tokens of [0, 2]) {
      const events = await ask(0, { reasoning_budget_tokens, max_tokens: 60 });
      assert.ok(!textOf(events).includes("<think>"));
      assert.ok((endOf(events).reasoning_tokens ?? 0) <= reasoning_budget_tokens + 2);
    }
  }));
