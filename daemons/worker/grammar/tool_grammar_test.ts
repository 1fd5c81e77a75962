import assert from "node:assert/strict";
import type { Tool } from "#shared/contracts/tools.ts";
import { LlorchError } from "#shared/errors.ts";
import { toolGrammar } from "./tool_grammar.ts";

const tool = (name: string, parameters?: Record<string, unknown>, strict?: boolean): Tool => ({
  type: "function",
  function: { name, ...(parameters ? { parameters } : {}), ...(strict ? { strict } : {}) },
});

Deno.test("toolGrammar() allows a call of each demanded function, with rules of its own", () => {
  const schema = (key: string) => ({
    type: "object",
    properties: { [key]: { $ref: "#/$defs/it" } },
    required: [key],
    $defs: { it: { type: "array", items: { type: "integer" } } },
  });
  const tools = [tool("a", schema("x")), tool("b", schema("y")), tool("c")];
  const text = toolGrammar(tools, tools);
  assert.match(text, /^root ::= .*\\"a\\".* \| .*\\"b\\".* \| .*\\"c\\"/);
  const rules = [...text.matchAll(/^(\S+) ::=/gm)].map((match) => match[1]);
  assert.equal(new Set(rules).size, rules.length);
  assert.doesNotMatch(toolGrammar(tools, [tools[1]!]), /\\"a\\"/);
});

Deno.test("toolGrammar() names the parts of a strict function that it cannot express", () => {
  const schema = { type: "object", properties: { x: { minimum: 3 } } };
  const tools = [tool("a", schema), tool("b", schema, true)];
  assert.match(toolGrammar(tools, tools.slice(0, 1)), /\\"x\\"/);
  assert.throws(() => toolGrammar(tools, tools), (error: unknown) => {
    assert.ok(error instanceof LlorchError);
    assert.match(error.message, /tools\.1\.function\.parameters\.properties\.x\.minimum/);
    return true;
  });
});
