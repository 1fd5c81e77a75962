import assert from "node:assert/strict";
import { getLlama } from "node-llama-cpp";
import type { Tool } from "#shared/contracts/tools.ts";
import type { CallSyntax } from "../chat/syntax.ts";
import { checkGrammar } from "./check_grammar.ts";
import { forcedCallGrammar } from "./forced_call_grammar.ts";
import { atOnce } from "./in_turns.ts";

const tool = (name: string, parameters?: Record<string, unknown>): Tool => ({
  type: "function",
  function: { name, ...(parameters ? { parameters } : {}) },
});
const LOOK = tool("look", {
  type: "object",
  properties: { where: { type: "string" }, times: { type: "integer" } },
  required: ["where", "times"],
});
const TOOLS = [LOOK, tool("look_away")];
const ARGS = '{"where": "up", "times": 2}';

const JSON_CALLS: CallSyntax = {
  ...{ opens: ["<call>"], closes: ["</call>"], before: "", lead: "\n<call>\n" },
  form: { kind: "json", names: ["name"], arguments: ["arguments"] },
};

interface Case {
  readonly what: string;
  readonly syntax: CallSyntax;
  readonly yes: readonly string[];
  readonly no: readonly string[];
}

const cases: readonly Case[] = [
  {
    what: "a JSON object in marks: no list, no other fields, little white space",
    syntax: JSON_CALLS,
    yes: [
      `<call>\n{"name": "look", "arguments": ${ARGS}}\n</call>`,
      '\n<call>{"name":"look_away","arguments":{}}</call>',
      '<call>\n{"name": "look_away", "arguments": {}}',
    ],
    no: [
      `{"name": "look", "arguments": ${ARGS}}`,
      `<call>[{"name": "look", "arguments": ${ARGS}}]</call>`,
      `<call>\n\n{"name": "look", "arguments": ${ARGS}}\n</call>`,
      `<call>\n{"name": "look", "arguments": ${ARGS}}\n\n</call>`,
      `<call>\n{  "name": "look", "arguments": ${ARGS}}\n</call>`,
      `<call>\n{"id": "7", "name": "look", "arguments": ${ARGS}}\n</call>`,
      `<call>\n{"name": "look", "arguments": ${ARGS}, "type": "function"}\n</call>`,
      `<call>\n{"type": "function", "function": {"name": "look", "arguments": ${ARGS}}}\n</call>`,
      '<call>\n{"name": "look_away", "arguments": {}}\n</call> and more',
      '<call>\n{"name": "lurk", "arguments": {}}\n</call>',
      '<call>\n{"name": "look", "arguments": {"where": "up"}}\n</call>',
    ],
  },
  {
    what: "a list of objects with ids",
    syntax: {
      ...{ opens: ["[CALLS]"], closes: ["[/CALLS]"], before: "", lead: "[CALLS][\n    " },
      form: {
        ...{ kind: "json", names: ["tool"], arguments: ["with"] },
        fields: ["call_id", "type", "index", "tool", "with", "id"],
      },
    },
    yes: [
      `[CALLS][\n    {"call_id": "a1", "type": "function", "tool": "look", "with": ${ARGS}, ` +
      '"id": "b-2"}\n][/CALLS]',
      '[CALLS][{"call_id":"0","type":"function","tool":"look_away","with":{},"id":"1"}]',
    ],
    no: [
      `[CALLS][\n    {"tool": "look", "with": ${ARGS}, "id": "b-2"}\n]`,
      `[CALLS]{"call_id": "0", "type": "function", "tool": "look", "with": ${ARGS}, "id": "1"}`,
      `[CALLS][{"call_id": "0", "type": "x", "tool": "look", "with": ${ARGS}, "id": "1"}]`,
    ],
  },
  {
    what: "a JSON object with the name for its key",
    syntax: {
      ...{ opens: ["<calls>"], closes: ["</calls>"], before: "", lead: "<calls>[" },
      form: { kind: "json", names: [], arguments: [] },
    },
    yes: [`<calls>[{"look": ${ARGS}}]</calls>`, '<calls>[{"look_away":{}}]'],
    no: ['<calls>{"look_away": {}}</calls>', '<calls>[{"look_away": {}}, {"look_away": {}}]'],
  },
  {
    what: "an object without any mark",
    syntax: {
      ...{ opens: [], closes: [], before: "", lead: "" },
      form: { kind: "json", names: ["name"], arguments: ["parameters"] },
    },
    yes: [`{"name": "look", "parameters": ${ARGS}}`],
    no: [`[{"name": "look", "parameters": ${ARGS}}]`, '{"name": "look_away"}'],
  },
  {
    what: "a name with an id before its arguments",
    syntax: {
      ...{ opens: ["<calls>", "<call>"], closes: ["</call>", "</calls>"], before: "<call>" },
      lead: "<calls><call>",
      form: { kind: "named", end: "<args>", id: ":" },
    },
    yes: [`<calls><call>look:0<args>${ARGS}</call></calls>`, `<calls><call>look:0<args>${ARGS}`],
    no: [
      `<call>look:0<args>${ARGS}</call>`,
      `<calls><call>look<args>${ARGS}</call></calls>`,
      `<calls><call>functions.look:0<args>${ARGS}</call></calls>`,
      `<calls><call>look:0\n\n<args>${ARGS}</call></calls>`,
    ],
  },
  {
    what: "an id before a name",
    syntax: {
      ...{ opens: ["<call>"], closes: ["</call>"], before: "<call>", lead: "<call>" },
      form: { kind: "named", end: "<args>", nameMark: "<name>" },
    },
    yes: [`<call>a1<name>look<args>${ARGS}</call>`],
    no: [`<call><name>look<args>${ARGS}</call>`],
  },
  {
    what: "tags",
    syntax: {
      ...{ opens: ["<call>", "<f="], closes: ["</f>", "</call>"], before: "<f=" },
      lead: "<call>\n<f=",
      form: {
        ...{ kind: "tagged", nameEnd: ">", key: "<p=", keyEnds: [">"] },
        ...{ close: "</p>", lines: true },
      },
    },
    yes: [
      "<call>\n<f=look>\n<p=where>\nup\n</p>\n<p=times>\n2\n</p>\n</f>\n</call>",
      "<call><f=look_away></f>",
    ],
    no: [
      "<f=look_away></f>",
      "<call>\n<f=look_away>\n \n</f>\n</call>",
      "<call>\n<f=look_away>\n</f>\n\n</call>",
    ],
  },
  {
    what: "marks with white space in them",
    syntax: {
      ...{ opens: ["do this:", '<f name="'], closes: ["</f>"], before: '<f name="' },
      lead: '\ndo this:\n <f name="',
      form: {
        ...{ kind: "tagged", nameEnd: '">', key: '<p name="', keyEnds: ['">'] },
        ...{ close: "</p>", lines: false },
      },
    },
    yes: ['\ndo this:\n <f name="look_away"></f>', 'do this:<f name="look_away"></f>'],
    no: ['do this:<fname="look_away"></f>', 'dothis:<f name="look_away"></f>'],
  },
  {
    what: "literals in a list",
    syntax: {
      ...{ opens: ["<calls>"], closes: ["</calls>"], before: "", lead: "<calls>[" },
      form: { kind: "literal", open: "(", separator: "=", quote: "" },
    },
    yes: ['<calls>[look(where="up", times=2)]</calls>', "<calls>[look_away()]"],
    no: ["<calls>look_away()</calls>", "<calls>[look_away(), look_away()]</calls>"],
  },
  {
    what: "marks whose white space is not known",
    syntax: {
      ...{ opens: ["<calls>", "<call>"], closes: ["</call>"], before: "<call>" },
      form: { kind: "named", end: "<args>" },
    },
    yes: ["<calls><call>look_away<args>{}</call>", "<calls>\n<call>look_away\n<args>{}\n</call>"],
    no: ["<call>look_away<args>{}</call>", "<calls>\n\n<call>look_away<args>{}</call>"],
  },
];

Deno.test("forcedCallGrammar() accepts one call as the template writes it and nothing else", async (test) => {
  const llama = await getLlama({ gpu: false, build: "never", progressLogs: false, maxThreads: 1 });
  for (const { what, syntax, yes, no } of cases) {
    await test.step(what, async () => {
      const text = atOnce(forcedCallGrammar(TOOLS, syntax));
      assert.ok(text !== undefined);
      checkGrammar(text, "tools");
      const compiled = await llama.createGrammar({ grammar: text });
      const takes = (call: string) =>
        (compiled as unknown as { _testText(text: string): boolean })._testText(call);
      for (const call of yes) assert.equal(takes(call), true, `should take ${call}`);
      for (const call of no) assert.equal(takes(call), false, `should refuse ${call}`);
    });
  }
  await llama.dispose();
});

Deno.test("a forced call without a mark is held only if it is JSON", () => {
  const form = { kind: "named", end: "" } as const;
  const syntax = { opens: [], closes: [], before: "", form };
  assert.equal(atOnce(forcedCallGrammar(TOOLS, syntax)), undefined);
});
