import assert from "node:assert/strict";
import { getLlama } from "node-llama-cpp";
import type { Tool } from "#shared/contracts/tools.ts";
import type { CallSyntax } from "../chat/syntax.ts";
import { callGrammar, type CallGrammarOptions } from "./call_grammar.ts";
import { checkGrammar } from "./check_grammar.ts";
import { atOnce } from "./in_turns.ts";

const tool = (name: string, parameters?: Record<string, unknown>): Tool => ({
  type: "function",
  function: { name, ...(parameters ? { parameters } : {}) },
});
const object = (properties: Record<string, unknown>, required: readonly string[] = []) => ({
  type: "object",
  properties,
  required,
});
const LOOK = tool(
  "look",
  object({
    where: { type: "string" },
    times: { type: "integer" },
    how: { enum: ["far", "near"] },
  }, ["where", "times"]),
);
const TOOLS = [LOOK, tool("look_away")];

const JSON_CALLS: CallSyntax = {
  ...{ opens: ["<call>"], closes: ["</call>"], before: "" },
  form: { kind: "json", names: ["name"], arguments: ["arguments"] },
};
const KEYED_CALLS: CallSyntax = {
  ...{ opens: ["<calls>"], closes: ["</calls>"], before: "" },
  form: { kind: "json", names: [], arguments: [] },
};
const NAMED_CALLS: CallSyntax = {
  ...{ opens: ["<calls>", "<call>"], closes: ["</call>", "</calls>"], before: "<call>" },
  form: { kind: "named", end: "<args>", id: ":" },
};
const IDENTIFIED_CALLS: CallSyntax = {
  ...{ opens: ["<call>"], closes: ["</call>"], before: "<call>" },
  form: { kind: "named", end: "<args>", nameMark: "<name>" },
};
const TAGGED_CALLS: CallSyntax = {
  ...{ opens: ["<call>", "<f="], closes: ["</f>", "</call>"], before: "<f=" },
  form: {
    ...{ kind: "tagged", nameEnd: ">", key: "<p=", keyEnds: [">"] },
    ...{ close: "</p>", lines: true },
  },
};
const HINTED_CALLS: CallSyntax = {
  ...{ opens: ["<call>", '<f name="'], closes: ["</f>", "</call>"], before: '<f name="' },
  form: {
    ...{ kind: "tagged", nameEnd: '">', key: '<p name="', keyEnds: ['" string="', '">'] },
    ...{ stringHint: "true", close: "</p>", lines: false },
  },
};
const ELEMENT_CALLS: CallSyntax = {
  ...{ opens: ["<f="], closes: ["</f>"], before: "<f=" },
  form: {
    ...{ kind: "tagged", nameEnd: ">", key: "<", keyEnds: [">"] },
    ...{ close: "</", keyInClose: ">", lines: false },
  },
};

const PYTHON_CALLS: CallSyntax = {
  ...{ opens: ["<calls>"], closes: ["</calls>"], before: "" },
  form: { kind: "literal", open: "(", separator: "=", quote: "" },
};
const QUOTED_CALLS: CallSyntax = {
  ...{ opens: ["<call>call:"], closes: ["<call>"], before: "<call>call:" },
  form: { kind: "literal", open: "{", separator: ":", quote: "<q>" },
};

interface Case {
  readonly what: string;
  readonly syntax: CallSyntax;
  readonly tools?: readonly Tool[];
  readonly options?: CallGrammarOptions;
  readonly yes: readonly string[];
  readonly no: readonly string[];
}

const cases: readonly Case[] = [
  {
    what: "a JSON object: names and arguments by schema, other fields, and marks or none",
    syntax: JSON_CALLS,
    yes: [
      '<call>\n{"name": "look", "arguments": {"where": "up", "times": 2}}\n</call>',
      '<call>[{"name":"look","arguments":{"where":"up","times":2,"how":"far"}}]</call>',
      '{"id": "7", "name": "look_away", "arguments": {}, "type": "function"}',
      '{"type": "function", "function": {"name": "look_away", "arguments": {}}}',
    ],
    no: [
      '<call>{"name": "lurk", "arguments": {}}</call>',
      '<call>{"name": "look_awa", "arguments": {}}</call>',
      '<call>{"name": "look", "arguments": {"times": 2}}</call>',
      '<call>{"name": "look", "arguments": {"where": "up", "times": "2"}}</call>',
      '<call>{"name": "look_away", "arguments": {"where": "up"}}</call>',
      '<call>{"name": "look_away"}</call>',
      'Look: <call>{"name": "look_away", "arguments": {}}</call>',
    ],
  },
  {
    what: "a JSON object with the name for its key",
    syntax: KEYED_CALLS,
    yes: ['<calls>[{"look": {"where": "up", "times": 2}}]</calls>', '{"look_away":{}}'],
    no: ['<calls>[{"lurk": {}}]</calls>', '<calls>[{"look": {"where": 1, "times": 2}}]</calls>'],
  },
  {
    what: "a name before its arguments, with an id or none",
    syntax: NAMED_CALLS,
    yes: [
      '<calls><call>look:0<args>{"where": "up", "times": 2}</call></calls>',
      "<call>functions.look_away<args>{}</call>",
      "<call>look_away<args>{}",
    ],
    no: [
      "<call>lurk:0<args>{}</call>",
      "<call>look_away:<args>{}</call>",
      '<call>look:0<args>{"where": "up"}</call>',
      "look_away<args>{}</call>",
    ],
  },
  {
    what: "an id before a name",
    syntax: IDENTIFIED_CALLS,
    yes: ["<call>abc123<name>look_away<args>{}</call>", "<call><name>look_away<args>{}"],
    no: ["<call>abc<name>lurk<args>{}</call>", "<call>look_away<args>{}</call>"],
  },
  {
    what: "tags: strings are any text up to their mark, other values JSON",
    syntax: TAGGED_CALLS,
    yes: [
      "<call>\n<f=look>\n<p=where>\nup </p or <f=down>\n</p>\n<p=times>\n2\n</p>\n</f>\n</call>",
      "<f=look><p=where></p><p=times>-3</p><p=how>\nnear\n</p></f>",
      "<call><f=look_away></f></call>",
    ],
    no: [
      "<call><f=lurk></f></call>",
      "<call><f=look></f></call>",
      "<call><f=look><p=where>up</p><p=times>two</p></f></call>",
      "<call><f=look><p=where>up</p><p=times>2</p><p=how>so</p></f></call>",
      "<call><f=look><p=where>up</p><p=why>2</p></f></call>",
      "<call><f=look_away>",
    ],
  },
  {
    what: "tags that say what is a string",
    syntax: HINTED_CALLS,
    yes: [
      '<call><f name="look"><p name="where" string="true">up</p>' +
      '<p name="times" string="false">2</p></f></call>',
    ],
    no: [
      '<call><f name="look"><p name="where" string="false">up</p>' +
      '<p name="times" string="false">2</p></f></call>',
      '<call><f name="look"><p name="where" string="true">up</p>' +
      '<p name="times" string="true">2</p></f></call>',
    ],
  },
  {
    what: "elements, whose objects may be elements, too",
    syntax: ELEMENT_CALLS,
    tools: [tool("look", object({ at: object({}), times: { type: "integer" } }, ["times"]))],
    yes: [
      "<f=look><at><x>1</x></at><times>2</times></f>",
      "<f=look><times>2</times></f>",
    ],
    no: ["<f=look><times>x</times></f>", "<f=look><at>1</where><times>2</times></f>"],
  },
  {
    what: "literals as in Python",
    syntax: PYTHON_CALLS,
    yes: [
      '<calls>[look(where="u\\"p", times=2)]</calls>',
      '<calls>[look(where="up", times=2, how="far")]',
      "<calls>[look_away()]</calls>",
    ],
    no: [
      '<calls>[lurk(where="up", times=2)]</calls>',
      '<calls>[look(where="up", times="2")]</calls>',
      "<calls>[look(times=2)]</calls>",
      '<calls>[look(where="up", times=2, how="so")]</calls>',
      "[look_away()]",
    ],
  },
  {
    what: "another literal of a list",
    syntax: PYTHON_CALLS,
    options: { afterText: true },
    yes: [", look_away()]</calls>", "look_away(), look("],
    no: [", lurk()", "look_away("],
  },
  {
    what: "literals with quotes of their own, and values of any kind",
    syntax: QUOTED_CALLS,
    tools: [
      tool("look", object({ at: { type: "string" }, in: { type: "array" }, on: {} }, ["at"])),
      tool("ask", object({ sure: { type: "boolean" } })),
    ],
    yes: [
      '<call>call:look{at:<q>"up", {<q>,in:[1,<q>x<q>,{a:True}],on:None}<call>',
      "<call>call:look{at:<q><q>}",
      "<call>call:ask{sure:true}",
      "<call>call:ask{}",
    ],
    no: [
      "<call>call:look{in:[]}",
      '<call>call:look{at:"up"}',
      "<call>call:ask{sure:<q>true<q>}",
      "<call>call:ask{sure:None}",
    ],
  },
  {
    what: "arguments of which a schema says nothing",
    syntax: TAGGED_CALLS,
    tools: [tool("look", { type: "object", additionalProperties: { type: "string" } })],
    yes: ["<f=look><p=any>thing</p>\n<p=more>x</p></f>", "<f=look></f>"],
    no: ["<f=lurk><p=any>thing</p></f>"],
  },
  {
    what: "references and schemas that mean nothing: any object",
    syntax: JSON_CALLS,
    tools: [
      tool("look", {
        ...object({ at: { $ref: "#/$defs/place" } }, ["at"]),
        $defs: { place: { enum: ["up"] } },
      }),
      tool("broken", object({ at: { type: "text" } })),
    ],
    yes: [
      '{"name": "look", "arguments": {"at": "up"}}',
      '{"name": "broken", "arguments": {"any": [1]}}',
    ],
    no: ['{"name": "look", "arguments": {"at": "down"}}', '{"name": "broken", "arguments": 1}'],
  },
  {
    what: "text around a call",
    syntax: JSON_CALLS,
    options: { afterText: true },
    yes: [
      '{"name": "look_away", "arguments": {}} and more',
      'Look:\n<call>{"name": "look_away", "arguments": {}}</call> and <call>so on',
      '}, {"name": "look_away", "arguments": {}}',
    ],
    no: ['Look: <call>{"name": "lurk", "arguments": {}}', "a <b> text"],
  },
  {
    what: "one of very many functions",
    syntax: NAMED_CALLS,
    tools: Array.from(
      { length: 100 },
      (_, index) => tool(`server/tool_${index}`, object({ id: { const: index } }, ["id"])),
    ),
    yes: [
      '<call>server/tool_7<args>{"id": 7}</call>',
      '<call>server/tool_77:1<args>{"id": 77}</call>',
      '<call>server/tool_99:1<args>{"id": 99}</call>',
    ],
    no: ['<call>server/tool_77<args>{"id": 7}</call>', "<call>server/tool_100<args>{}</call>"],
  },
];

Deno.test("callGrammar() accepts calls of the offered functions and nothing else", async (test) => {
  const llama = await getLlama({ gpu: false, build: "never", progressLogs: false, maxThreads: 1 });
  for (const { what, syntax, tools = TOOLS, options, yes, no } of cases) {
    await test.step(what, async () => {
      const text = atOnce(callGrammar(tools, syntax, options));
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

Deno.test("a form that is not known well enough is not held", () => {
  const unmarked: CallSyntax = { ...PYTHON_CALLS, opens: [] };
  const numbered: CallSyntax = {
    ...TAGGED_CALLS,
    form: {
      ...{ kind: "tagged", nameEnd: '" index="', key: "<p=", keyEnds: [">"] },
      ...{ close: "</p>", lines: true },
    },
  };
  for (const syntax of [unmarked, numbered, { ...NAMED_CALLS, before: "" }]) {
    assert.equal(atOnce(callGrammar(TOOLS, syntax)), undefined);
  }
  assert.equal(
    atOnce(callGrammar([tool("a{b")], NAMED_CALLS)),
    undefined,
    "the reader ends it early",
  );
  assert.equal(atOnce(callGrammar([tool("a", { anyOf: [{}, {}] })], ELEMENT_CALLS)), undefined);
});
