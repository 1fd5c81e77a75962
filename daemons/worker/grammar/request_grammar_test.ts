import assert from "node:assert/strict";
import type { Tool } from "#shared/contracts/tools.ts";
import { LlorchError } from "#shared/errors.ts";
import { NO_BEGINNINGS } from "../chat/beginnings.ts";
import { KNOWN_SYNTAXES, type KnownSyntax, USUAL_CALLS } from "../chat/known_syntaxes.ts";
import type { CallSyntax } from "../chat/syntax.ts";
import { atOnce } from "./in_turns.ts";
import { jsonGrammar } from "./json_grammar.ts";
import { callGrammar } from "./call_grammar.ts";
import { eitherGrammar } from "./either_grammar.ts";
import { forcedCallGrammar } from "./forced_call_grammar.ts";
import {
  type AnswerStyle,
  type GrammarFields,
  makingGrammars,
  requestGrammar,
  requestGrammars,
} from "./request_grammar.ts";
import { begunMessage, forcedMessage } from "./message_grammar.ts";
import { toolGrammar } from "./tool_grammar.ts";

const tool = (name: string, parameters: Record<string, unknown> = {}): Tool => ({
  type: "function",
  function: { name, parameters },
});
const tools = [tool("a"), tool("b")];
const named = (name: string) => ({ type: "function", function: { name } }) as const;

/** The fields that a request is refused for, and why. */
async function refusal(request: GrammarFields): Promise<{ field: string; message: string }[]> {
  try {
    await requestGrammar(request);
  } catch (error) {
    assert.ok(error instanceof LlorchError);
    assert.equal(error.code, "INVALID_REQUEST");
    return error.details?.["errors"] as { field: string; message: string }[];
  }
  return assert.fail("The request was accepted");
}

Deno.test("a request that may say anything has no grammar, with tools that need not be called too", async () => {
  assert.equal(await requestGrammar({}), undefined);
  assert.equal(await requestGrammar({ tools }), undefined);
  assert.equal(await requestGrammar({ tools, tool_choice: "auto" }), undefined);
  assert.equal(await requestGrammar({ tools, tool_choice: "none" }), undefined);
});

Deno.test("a grammar of one's own is taken to the byte", async () => {
  const grammar = '# mine\nroot   ::= "a" | [b-z]\n';
  assert.deepEqual(await requestGrammar({ grammar }), {
    field: "grammar",
    text: grammar,
    unheld: [],
  });
});

Deno.test("a JSON schema becomes a grammar, an empty one too", async () => {
  for (const json_schema of [{ type: "integer" }, {}]) {
    const { grammar: text, unheld } = jsonGrammar(json_schema, "json_schema");
    assert.deepEqual(await requestGrammar({ json_schema }), { field: "json_schema", text, unheld });
  }
});

Deno.test("what a grammar cannot hold of a schema is named, strict or not", async () => {
  const json_schema = { type: "array", items: { type: "integer" }, uniqueItems: true };
  const plain = jsonGrammar({ type: "array", items: { type: "integer" } }, "json_schema");
  for (const strict of [{}, { json_schema_strict: true }, { json_schema_strict: false }]) {
    assert.deepEqual(await requestGrammar({ json_schema, ...strict }), {
      field: "json_schema",
      text: plain.grammar,
      unheld: ["json_schema.uniqueItems"],
    });
  }
});

Deno.test("a schema whose whole grammar llama.cpp could not handle is held as far as it can", async () => {
  const object = (count: number, value: (at: number) => unknown) => ({
    type: "object",
    properties: Object.fromEntries(Array.from({ length: count }, (_, at) => [`p${at}`, value(at)])),
  });
  const long = (at: number) => ({ items: { const: at }, maxItems: 1999 });
  const all = (await requestGrammar({ json_schema: object(4, long) }))!;
  assert.deepEqual(all.unheld, []);
  // With all repetitions it would be too large.
  const some = (await requestGrammar({ json_schema: object(6, long) }))!;
  assert.deepEqual(some.unheld, [4, 5].map((at) => `json_schema.properties.p${at}.maxItems`));
  assert.match(some.text, /p5/);
  // From its beginning there would be too many ways to go on.
  const type = (await requestGrammar({ json_schema: object(2_000, () => true) }))!;
  assert.deepEqual(type.unheld, ["json_schema"]);
  assert.match(type.text, /^root ::= \(object\)$/m);
});

Deno.test("choices that would be told apart only behind what repeats them are left out", async () => {
  const json_schema = {
    type: "object",
    properties: { left: { $ref: "#" }, a: {}, b: {} },
    anyOf: [{ required: ["a"] }, { required: ["b"] }],
  };
  const made = (await requestGrammar({ json_schema }))!;
  assert.deepEqual(made.unheld, ["json_schema.anyOf"]);
  assert.match(made.text, /left/);
});

Deno.test("a call that must be made has a grammar, of one function where one is named", async () => {
  for (
    const [tool_choice, demanded] of [
      ["required", tools],
      [named("b"), tools.slice(1)],
    ] as const
  ) {
    const { grammar: text, unheld } = atOnce(toolGrammar(tools, demanded));
    assert.deepEqual(await requestGrammar({ tools, tool_choice }), {
      field: "tools",
      text,
      unheld,
    });
  }
});

/** A value that is itself or a number: the schema repeats without reading anything. */
const endless = { anyOf: [{ $ref: "#" }, { type: "integer" }] };
const endlessTool = tool("a", { properties: { x: { $ref: "#/properties/x" } } });
/** More levels than a grammar may be nested. */
const deep = `root ::= ${"(".repeat(200)}"a"${")".repeat(200)}`;

for (
  const [problem, request, field, message] of [
    ["is not valid", { grammar: "root ::= nope" }, "grammar", /nope/],
    ["is too deep", { grammar: deep }, "grammar", /nested 200 deep/],
    ["never ends", { grammar: 'root ::= root "a" | "b"' }, "grammar", /begins with itself/],
    [
      "never ends, of a schema,",
      { json_schema: endless },
      "json_schema",
      /begins with itself/,
    ],
    [
      "never ends, of a tool,",
      { tools: [tools[0]!, endlessTool], tool_choice: "required" },
      "tools.1.function.parameters.properties.x",
      /begins with itself/,
    ],
  ] satisfies [string, GrammarFields, string, RegExp][]
) {
  Deno.test(`a grammar that ${problem} is refused, naming the field`, async () => {
    const [error, ...more] = await refusal(request);
    assert.deepEqual([error?.field, more], [field, []]);
    assert.match(error?.message ?? "", message);
  });
}

const style: AnswerStyle = { waits: false, beginnings: NO_BEGINNINGS, calls: USUAL_CALLS };
const thinking: AnswerStyle = { ...style, waits: true, beginnings: { thoughts: ["<think>"] } };
const json_schema = { type: "integer" };

Deno.test("calls that need not be made are held from their first mark on", async () => {
  const calls = atOnce(callGrammar(tools, USUAL_CALLS, { afterText: true }));
  const held = { first: undefined, afterThought: undefined, calls };
  assert.deepEqual(await requestGrammars({ tools }, style), held);
  assert.deepEqual(await requestGrammars({ tools }, style), held, "made before");
  const nothing = { ...held, calls: undefined };
  assert.deepEqual(await requestGrammars({ tools, tool_choice: "none" }, style), nothing);
  assert.deepEqual(await requestGrammars({ tools }), nothing);
});

Deno.test("a forced call is written as the model writes calls, where that can be held", async () => {
  const request = { tools, tool_choice: named("b") } satisfies GrammarFields;
  const { first, afterThought, calls } = await requestGrammars(request, style);
  assert.equal(first?.text, atOnce(forcedCallGrammar(tools.slice(1), USUAL_CALLS)));
  assert.deepEqual([afterThought, calls], [undefined, undefined]);
  const form = { kind: "named", end: "" } as const;
  const other = await requestGrammars(request, { ...style, calls: { ...USUAL_CALLS, form } });
  assert.equal(other.first?.text, atOnce(toolGrammar(tools, tools.slice(1))).grammar);
});

Deno.test("beside a schema or a grammar, the answer may be a call", async () => {
  const call = atOnce(callGrammar(tools, USUAL_CALLS))!;
  const own = 'root ::= "yes" | root2\nroot2 ::= [root]';
  for (
    const [request, text] of [
      [{ json_schema }, jsonGrammar(json_schema, "json_schema").grammar],
      [{ grammar: own }, own],
    ] as const
  ) {
    const { first, calls } = await requestGrammars({ ...request, tools }, style);
    assert.equal(first?.text, eitherGrammar(text, call));
    assert.match(calls ?? "", /tool_call/);
  }
});

Deno.test("a thought may stand before what is held, and space after it", async () => {
  const { first, afterThought } = await requestGrammars({ json_schema }, thinking);
  assert.match(first?.text ?? "", /"<think>"/);
  assert.doesNotMatch(afterThought ?? "", /think/);
  assert.match(afterThought ?? "", /^root ::= \[ \\t\\r\\n\]\{0,8\} first-root$/m);
});

Deno.test("messages have headers: of text before a schema, of calls, after a thought from their start on", async () => {
  const [{ messages: syntax }] = KNOWN_SYNTAXES as readonly [Required<KnownSyntax>];
  const lead = "<|start|>assistant";
  const heads: AnswerStyle = {
    ...{ ...thinking, calls: undefined, messages: { syntax, lead } },
    beginnings: { thoughts: [`${lead}<|channel|>analysis<|message|>`] },
  };
  const way = { messages: syntax, calls: undefined };
  const schema = await requestGrammars({ json_schema, tools }, heads);
  for (const text of [schema.first?.text, schema.afterThought]) {
    assert.match(text ?? "", /"<\|start\|>assistant"/);
    assert.match(text ?? "", /"<\|channel\|>final<\|message\|>"/);
    assert.match(text ?? "", /"<\|channel\|>commentary to=functions\."/);
  }
  assert.match(schema.first?.text ?? "", /analysis/);
  assert.doesNotMatch(schema.afterThought ?? "", /analysis/);
  assert.equal(schema.calls, atOnce(begunMessage(tools, way, "all")));
  const forced = await requestGrammars({ tools, tool_choice: "required" }, {
    ...{ ...heads, waits: false, beginnings: NO_BEGINNINGS, messages: { syntax, lead: "" } },
  });
  assert.equal(forced.first?.text, atOnce(forcedMessage(tools, way, "all")));
  const own = { grammar: 'root ::= "yes"', tools };
  assert.equal(
    (await requestGrammars(own, { ...heads, waits: false })).first?.text.includes("final"),
    false,
  );
});

Deno.test("grammars that are asked for at once are made once, and again after they failed", async () => {
  const request = { tools: [tool("once")], tool_choice: "required" } satisfies GrammarFields;
  const [one, other] = await Promise.all([0, 1].map(() => requestGrammars(request, style)));
  assert.equal(one, other);
  const broken = { tools: [endlessTool], tool_choice: "required" } satisfies GrammarFields;
  for (let time = 0; time < 2; time++) await assert.rejects(requestGrammars(broken, style));
});

/** Steps in which the grammars of some functions are made and checked. */
function stepsOf(prefix: string, fields: GrammarFields, answer: AnswerStyle): number {
  const properties = { path: { type: "string" }, limit: { type: "integer", minimum: 1 } };
  const some = Array.from({ length: 50 }, (_, at) => tool(`${prefix}${at}`, { properties }));
  let steps = 0;
  const making = makingGrammars({ ...fields, tools: some }, answer);
  while (!making.next().done) steps++;
  return steps;
}

Deno.test("what may stand before or beside a call is checked with it, not once more", () => {
  const forced = { tool_choice: "required" } satisfies GrammarFields;
  const [once, alone, thought, beside] = [
    stepsOf("a", {}, style),
    stepsOf("b", forced, style),
    stepsOf("c", forced, thinking),
    stepsOf("d", { json_schema }, thinking),
  ];
  assert.ok(alone! < 1.5 * once!, `${alone} steps, ${once} for a call that need not be made`);
  assert.ok(thought! < 1.2 * alone!, `${thought} steps, ${alone} without a thought`);
  // Another grammar holds a call that was begun.
  assert.ok(beside! < 2.5 * once!, `${beside} steps beside a schema`);
});

Deno.test("what no grammar of a forced call holds is left to the check of the answer", async () => {
  const parameters = { properties: { a: { type: "string", minLength: 2 } } };
  const request = {
    tools: [...tools, tool("c", parameters)],
    tool_choice: named("c"),
  } satisfies GrammarFields;
  const tagged: CallSyntax = {
    ...{ opens: ["<f="], closes: ["</f>"], before: "<f=" },
    form: {
      ...{ kind: "tagged", nameEnd: ">", key: "<p=", keyEnds: [">"] },
      ...{ close: "</p>", lines: true },
    },
  };
  assert.deepEqual((await requestGrammars(request, style)).first?.unheld, []);
  assert.deepEqual((await requestGrammars(request, { ...style, calls: tagged })).first?.unheld, [
    "tools.2.function.parameters",
  ]);
});

Deno.test("calls of functions whose grammar would be too large are left to the model", async () => {
  const wide = (at: number) => ({ type: "string", enum: [`${at}`.repeat(2_000)] });
  const many = Array.from({ length: 60 }, (_, index) =>
    tool(`${"t".repeat(200)}${index}`, {
      properties: Object.fromEntries(
        Array.from({ length: 20 }, (_, at) => [`${"p".repeat(400)}${at}`, wide(at)]),
      ),
    }));
  const calls: CallSyntax = {
    ...{ opens: ["<f="], closes: ["</f>"], before: "<f=" },
    form: {
      ...{ kind: "tagged", nameEnd: ">", key: "<p=", keyEnds: [">"] },
      ...{ close: "</p>", lines: true },
    },
  };
  const made = await requestGrammars({ tools: many }, { ...style, calls });
  assert.equal(made.calls, undefined);
});
