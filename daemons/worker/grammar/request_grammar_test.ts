import assert from "node:assert/strict";
import type { Tool } from "#shared/contracts/tools.ts";
import { LlorchError } from "#shared/errors.ts";
import { jsonGrammar } from "./json_grammar.ts";
import { type GrammarFields, requestGrammar } from "./request_grammar.ts";
import { toolGrammar } from "./tool_grammar.ts";

const tool = (name: string, parameters: Record<string, unknown> = {}): Tool => ({
  type: "function",
  function: { name, parameters },
});
const tools = [tool("a"), tool("b")];
const named = (name: string) => ({ type: "function", function: { name } }) as const;

/** The fields for which a request is refused, with the reasons. */
function refusal(request: GrammarFields): { field: string; message: string }[] {
  try {
    requestGrammar(request);
  } catch (error) {
    assert.ok(error instanceof LlorchError);
    assert.equal(error.code, "INVALID_REQUEST");
    return error.details?.["errors"] as { field: string; message: string }[];
  }
  return assert.fail("The request was accepted");
}

Deno.test("a request without constraints has no grammar, also with optional tools", () => {
  assert.equal(requestGrammar({}), undefined);
  assert.equal(requestGrammar({ tools }), undefined);
  assert.equal(requestGrammar({ tools, tool_choice: "auto" }), undefined);
  assert.equal(requestGrammar({ tools, tool_choice: "none" }), undefined);
});

Deno.test("a request's own grammar is used byte for byte", () => {
  const grammar = '# mine\nroot   ::= "a" | [b-z]\n';
  assert.deepEqual(requestGrammar({ grammar }), { field: "grammar", text: grammar });
});

Deno.test("a JSON schema becomes a grammar, an empty one too", () => {
  for (const json_schema of [{ type: "integer" }, {}]) {
    const text = jsonGrammar(json_schema, "json_schema");
    assert.deepEqual(requestGrammar({ json_schema }), { field: "json_schema", text });
  }
});

Deno.test("parts of a JSON schema that a grammar cannot express are refused, or left out if not strict", () => {
  const json_schema = { type: "string", pattern: "^a" };
  for (const strict of [{}, { json_schema_strict: true }]) {
    const [error, ...more] = refusal({ json_schema, ...strict });
    assert.deepEqual([error?.field, more], ["json_schema.pattern", []]);
  }
  assert.deepEqual(requestGrammar({ json_schema, json_schema_strict: false }), {
    field: "json_schema",
    text: jsonGrammar({ type: "string" }, "json_schema"),
  });
});

Deno.test("a call that must be made has a grammar, of one function where one is named", () => {
  for (
    const [tool_choice, demanded] of [
      ["required", tools],
      [named("b"), tools.slice(1)],
    ] as const
  ) {
    const text = toolGrammar(tools, demanded);
    assert.deepEqual(requestGrammar({ tools, tool_choice }), { field: "tools", text });
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
    ["never ends, of a schema,", { json_schema: endless }, "json_schema", /begins with itself/],
    [
      "never ends, of a tool,",
      { tools: [tools[0]!, endlessTool], tool_choice: "required" },
      "tools",
      /begins with itself/,
    ],
  ] satisfies [string, GrammarFields, string, RegExp][]
) {
  Deno.test(`a grammar that ${problem} is refused, naming the field`, () => {
    const [error, ...more] = refusal(request);
    assert.deepEqual([error?.field, more], [field, []]);
    assert.match(error?.message ?? "", message);
  });
}
