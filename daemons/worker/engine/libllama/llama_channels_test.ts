/**
 * What grammars make of a model that writes its answer as several messages, each with a header.
 *
 * @module
 */
import assert from "node:assert/strict";
import { outline, textOf } from "../../testing/generator.ts";
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

const RIGHT = { where: "far", times: 12 };
const json = (value: unknown) => JSON.stringify(value);

/** A model with channels, as gpt-oss. */
const withChannels = (scripts: readonly string[], test: (ask: Ask) => Promise<void>) =>
  withScripts({
    scripts,
    template: "{% if tools %}<|start|>developer<|message|>{{ tools | tojson }}<|end|>{% endif %}" +
      "{% for message in messages %}<|start|>{{ message.role }}" +
      "{% if message.role == 'assistant' %}<|channel|>final{% endif %}" +
      "<|message|>{{ message.content }}<|end|>{% endfor %}" +
      "{% if add_generation_prompt %}<|start|>assistant{% endif %}",
    control: ["<|start|>", "<|channel|>", "<|message|>", "<|constrain|>", "<|end|>", "<|call|>"],
    eos: "<|return|>",
  }, test);

const thought = (text: string) => `<|channel|>analysis<|message|>${text}<|end|><|start|>assistant`;
const final = (text: string) => `<|channel|>final<|message|>${text}`;
const call = (name: string, args: unknown) =>
  `<|channel|>commentary to=functions.${name} <|constrain|>json<|message|>${json(args)}`;

Deno.test("llama.cpp: in channels, a thought may come before what a schema holds, and need not", () =>
  withChannels(
    [
      thought("Large.") + final('{"size": "large"}'),
      thought("Hm.") + final("It is large."),
      final('{"size": "small"}'),
      final("It is small."),
      "Small.",
      thought("Hm.") + call("look", RIGHT),
    ],
    async (ask) => {
      const fields = { json_schema: SCHEMA };
      const thoughts = ["Large.", "Hm.", "", "", undefined, "Hm."];
      for (const [script, thought] of thoughts.entries()) {
        const events = await ask(script, fields);
        if (thought !== undefined) assert.equal(thoughtOf(events), thought, `script ${script}`);
        const { size } = JSON.parse(textOf(events));
        assert.match(size, /^(small|large)$/);
        if (script === 0) assert.equal(size, "large");
        if (script === 2) assert.equal(size, "small");
        await assertResumes((more) => ask(script, { ...fields, ...more }));
      }
      for (const none of [{ reasoning_effort: "none" }, { reasoning_budget_tokens: 0 }]) {
        const events = await ask(1, { ...fields, ...none });
        assert.equal(thoughtOf(events), "");
        assert.match(JSON.parse(textOf(events)).size, /^(small|large)$/);
      }
    },
  ));

Deno.test("llama.cpp: in channels, a forced call is made, after a thought or at once", () =>
  withChannels(
    [
      call("look", RIGHT),
      thought("One look.") + call("look", RIGHT),
      thought("No.") + final("No."),
      final("No."),
      thought("Leave.") + call("leave", RIGHT),
      thought("Up.") + call("look", { where: "up", times: "x" }),
    ],
    async (ask) => {
      const fields = { tools: TOOLS, tool_choice: "required" };
      // Where the model may not say what it would, it may begin with a thought.
      const thoughts = ["", "One look.", "No.", undefined, "Leave.", "Up."];
      for (const [script, thought] of thoughts.entries()) {
        const events = await ask(script, fields);
        assert.equal(outline(events).at(-1), "end TOOL_CALLS", `script ${script}`);
        assert.equal(textOf(events), "");
        if (thought !== undefined) assert.equal(thoughtOf(events), thought);
        const [first, ...more] = callsOf(events);
        assert.deepEqual(more, []);
        assertOffered(first!);
        if (script < 2) assert.deepEqual(first, { name: "look", args: RIGHT });
        await assertResumes((more) => ask(script, { ...fields, ...more }));
      }
      const cut = await ask(1, { ...fields, reasoning_budget_tokens: 2 });
      assert.notEqual(thoughtOf(cut), "One look.");
      assertOffered(callsOf(cut)[0]!);
    },
  ));

Deno.test("llama.cpp: in channels, calls that need not be made are as their schemas want", () =>
  withChannels(
    [
      thought("One look.") + call("look", RIGHT),
      thought("Up.") + call("look", { where: "up", times: "x" }),
      `<|channel|>commentary<|message|>I look.<|end|><|start|>assistant to=functions.look` +
      `<|channel|>commentary json<|message|>${json({ where: "near", times: null })}`,
      final("There is nothing."),
    ],
    async (ask) => {
      const fields = { tools: TOOLS };
      assert.deepEqual(callsOf(await ask(0, fields)), [{ name: "look", args: RIGHT }]);
      for (const script of [1, 2]) {
        const events = await ask(script, fields);
        assert.equal(textOf(events), script === 2 ? "I look." : "");
        const [first] = callsOf(events);
        assert.equal(first?.name, "look");
        assertOffered(first);
        await assertResumes((more) => ask(script, { ...fields, ...more }));
      }
      const said = await ask(3, fields);
      assert.deepEqual([textOf(said), callsOf(said)], ["There is nothing.", []]);
    },
  ));

Deno.test("llama.cpp: in channels, the answer beside a schema is a call or fits it", () =>
  withChannels(
    [
      thought("I look.") + call("look", { where: "near", times: "x" }),
      thought("Say.") + final('{"size": "small"}'),
      final('{"size": "x<|end|>"}'),
    ],
    async (ask) => {
      const fields = { tools: TOOLS, json_schema: SCHEMA };
      const made = await ask(0, fields);
      assert.deepEqual([thoughtOf(made), textOf(made)], ["I look.", ""]);
      assertOffered(callsOf(made)[0]!);
      const said = await ask(1, fields);
      assert.deepEqual([textOf(said), callsOf(said)], ['{"size": "small"}', []]);
      const held = await ask(2, fields);
      assert.match(JSON.parse(textOf(held)).size, /^(small|large)$/);
      for (const script of [0, 1]) {
        await assertResumes((more) => ask(script, { ...fields, ...more }));
      }
    },
  ));

/** A model whose messages begin with a recipient's line, as functionary 3.2. */
const withRecipients = (scripts: readonly string[], test: (ask: Ask) => Promise<void>) =>
  withScripts({
    scripts,
    template: "{{ tools | tojson if tools }}{% for message in messages %}" +
      "<|turn|>{{ message.role }}\n{% if message.role == 'assistant' %}>>>all\n{% endif %}" +
      "{{ message.content }}<|end|>{% endfor %}" +
      "{% if add_generation_prompt %}<|turn|>assistant\n>>>{% endif %}",
    control: ["<|turn|>"],
    eos: "<|end|>",
  }, test);

Deno.test("llama.cpp: calls, forced or not, and schemas are held where a line names the recipient", () =>
  withRecipients(
    [
      `look\n${json(RIGHT)}`,
      `look\n${json({ where: "up", times: "x" })}`,
      `all\nWell.\n>>>look\n${json({ where: "up", times: "x" })}`,
      'all\n{"size": "large"}',
      "No.",
    ],
    async (ask) => {
      for (const fields of [{ tools: TOOLS }, { tools: TOOLS, tool_choice: "required" }]) {
        assert.deepEqual(callsOf(await ask(0, fields)), [{ name: "look", args: RIGHT }]);
        assertOffered(callsOf(await ask(1, fields))[0]!);
        assertOffered(callsOf(await ask(2, fields))[0]!);
        await assertResumes((more) => ask(1, { ...fields, ...more }));
      }
      assertOffered(callsOf(await ask(4, { tools: TOOLS, tool_choice: "required" }))[0]!);
      const said = await ask(3, { json_schema: SCHEMA });
      assert.equal(textOf(said), '{"size": "large"}');
      for (const script of [0, 4]) {
        const held = await ask(script, { json_schema: SCHEMA });
        assert.match(JSON.parse(textOf(held)).size, /^(small|large)$/);
      }
    },
  ));

/** A model whose messages name a recipient, and whose calls have marks. */
const withAddresses = (scripts: readonly string[], test: (ask: Ask) => Promise<void>) =>
  withScripts({
    scripts,
    template: "{{ tools | tojson if tools }}{% for message in messages %}" +
      "{% for call in message.tool_calls or [] %}" +
      "<|start|>assistant to={{ call.function.name }}<|message|><deed>\n" +
      '<do name="{{ call.function.name }}">\n' +
      "{% for key, value in call.function.arguments | items %}" +
      '<slot name="{{ key }}">{{ value if value is string else value | tojson }}</slot>\n' +
      "{% endfor %}</do>\n</deed><|eom|>{% else %}" +
      "<|start|>{{ message.role }}{{ ' to=user' if message.role == 'assistant' }}" +
      "<|message|>{{ message.content }}<|eom|>{% endfor %}{% endfor %}" +
      "{% if add_generation_prompt %}<|start|>assistant{% endif %}",
    control: ["<|start|>", "<|message|>", "<|eom|>"],
    eos: "<|eot|>",
  }, test);

Deno.test("llama.cpp: calls with marks are held in messages, forced or not, after a thought", () => {
  const look = ({ where, times }: { readonly where: string; readonly times: unknown }) =>
    ` to=look<|message|><deed>\n<do name="look">\n<slot name="where">${where}</slot>\n` +
    `<slot name="times">${times}</slot>\n</do>\n</deed>`;
  const wonder = " to=self<|message|>Hm.<|eom|><|start|>assistant";
  const scripts = [
    wonder + look(RIGHT),
    wonder + look({ where: "up", times: "x" }),
    wonder + " to=user<|message|>No.",
  ];
  return withAddresses(scripts, async (ask) => {
    for (const fields of [{ tools: TOOLS }, { tools: TOOLS, tool_choice: "required" }]) {
      for (const script of fields.tool_choice ? [0, 1, 2] : [0, 1]) {
        const events = await ask(script, fields);
        assert.deepEqual([thoughtOf(events), textOf(events)], ["Hm.", ""]);
        const [first] = callsOf(events);
        assertOffered(first!);
        if (script === 0) assert.deepEqual(first, { name: "look", args: RIGHT });
        await assertResumes((more) => ask(script, { ...fields, ...more }));
      }
    }
    assert.equal(textOf(await ask(2, { tools: TOOLS })), "No.");
  });
});
