import assert from "node:assert/strict";
import type { Tool } from "#shared/contracts/tools.ts";
import { LlorchError } from "#shared/errors.ts";
import { atOnce } from "./in_turns.ts";
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
  const text = atOnce(toolGrammar(tools, tools)).grammar;
  assert.match(text, /^root ::= .*\\"a\\".* \| .*\\"b\\".* \| .*\\"c\\"/);
  const rules = [...text.matchAll(/^(\S+) ::=/gm)].map((match) => match[1]);
  assert.equal(new Set(rules).size, rules.length);
  assert.doesNotMatch(atOnce(toolGrammar(tools, [tools[1]!])).grammar, /\\"a\\"/);
});

Deno.test("toolGrammar() names what its grammar does not hold, and what is broken, by its place", () => {
  const schema = (keywords: Record<string, unknown>) => ({
    type: "object",
    properties: { x: keywords },
  });
  const held = tool("a", schema({ minimum: 3 }), true);
  const unheld = tool("b", schema({ uniqueItems: true }), true);
  const { grammar, unheld: places } = atOnce(toolGrammar([held, unheld], [held, unheld]));
  assert.match(grammar, /\\"x\\"/);
  assert.deepEqual(places, ["tools.1.function.parameters.properties.x.uniqueItems"]);
  for (const isStrict of [true, false]) {
    const broken = tool("c", schema({ type: "text" }), isStrict);
    assert.throws(() => atOnce(toolGrammar([held, broken], [broken])), (error: unknown) => {
      assert.ok(error instanceof LlorchError);
      assert.match(error.message, /tools\.1\.function\.parameters\.properties\.x\.type/);
      return true;
    });
  }
});
