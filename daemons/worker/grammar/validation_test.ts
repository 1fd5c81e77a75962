import assert from "node:assert/strict";
import type { ToolCall } from "#shared/contracts/tools.ts";
import { createLogger, type LogFields } from "#shared/logging.ts";
import { requestGrammar } from "./request_grammar.ts";
import { validationOf, validationOfWhole } from "./validation.ts";

const log = createLogger("test");
const unique = { type: "array", uniqueItems: true };
const tool = (name: string, parameters: Record<string, unknown>, strict?: boolean) => ({
  type: "function" as const,
  function: { name, parameters, ...(strict === undefined ? {} : { strict }) },
});
const calling = (...calls: [name: string, given: string][]) => ({
  text: "",
  calls: calls.map(([name, given], index): ToolCall => ({
    ...{ id: `c${index}`, type: "function" },
    function: { name, arguments: given },
  })),
});
const saying = (text: string) => ({ text, calls: [] });

/** The check of a request, with what its own grammar does not hold. */
async function check(request: Partial<Parameters<typeof validationOf>[0]>) {
  const grammar = await requestGrammar(request);
  return validationOf({ job_id: "j", ...request }, grammar?.unheld ?? [], log);
}

Deno.test("a schema that its grammar does not wholly hold is checked on the answer", async () => {
  const validate = await check({ json_schema: unique });
  assert.equal(validate?.(saying("[1, 2]")), true);
  assert.equal(validate?.(saying("[1, 1.0]")), false);
  assert.equal(validate?.(calling(["f", "{}"])), undefined, "calls are no answer in the schema");
});

Deno.test("an answer that the request began is checked with its beginning", async () => {
  const validate = validationOfWhole("[1, ", await check({ json_schema: unique }));
  assert.equal(validate?.(saying("2]")), true);
  assert.equal(validate?.(saying("1]")), false);
});

Deno.test("what a grammar holds wholly is not checked, nor a schema that is not strict", async () => {
  assert.equal(await check({ json_schema: { type: "integer", minimum: 3 } }), undefined);
  assert.equal(await check({ json_schema: unique, json_schema_strict: false }), undefined);
  const tools = [tool("f", { properties: { a: unique } })];
  assert.equal(await check({ tools }), undefined, "it may be called, and is not strict");
  const forced = { tools: [tool("f", { properties: { a: { const: 1 } } })] };
  assert.equal(await check({ ...forced, tool_choice: "required" }), undefined);
});

Deno.test("a grammar of another program is not trusted", () => {
  const validate = validationOf({ job_id: "j", json_schema: { const: 1 } }, undefined, log);
  assert.deepEqual([validate?.(saying("1")), validate?.(saying("2"))], [true, false]);
});

Deno.test("calls of strict functions are checked where no grammar holds them", async () => {
  const schema = { properties: { a: { type: "integer" } }, required: ["a"] };
  const validate = await check({ tools: [tool("f", schema, true), tool("g", schema)] });
  assert.equal(validate?.(calling(["f", '{"a":1}'], ["g", "{}"])), true);
  assert.equal(validate?.(calling(["g", "{}"])), undefined);
  assert.equal(validate?.(calling(["f", '{"a":1}'], ["f", '{"a":"x"}'])), false);
  assert.equal(validate?.(saying("I call nothing")), undefined);
});

Deno.test("calls that must be made are checked for what their grammar leaves", async () => {
  const tools = [tool("f", { properties: { a: unique } }), tool("g", {})];
  const validate = await check({ tools, tool_choice: "required" });
  assert.equal(validate?.(calling(["f", '{"a":[1,1]}'])), false);
  assert.equal(validate?.(calling(["f", '{"a":[1]}'])), true);
  assert.equal(validate?.(calling(["g", "{}"])), undefined, "the grammar holds all of it");
});

Deno.test("what cannot be checked wholly has no result", async () => {
  const validate = await check({ json_schema: { type: "string", pattern: "^(a)\\1$" } });
  assert.equal(validate?.(saying('"aa"')), undefined);
});

Deno.test("the log says where an answer is wrong, and nothing of what it says", () => {
  const lines: [string, LogFields | undefined][] = [];
  const debug = (event: string, fields?: LogFields) => lines.push([event, fields]);
  const tools = [tool("f", { additionalProperties: false, properties: { b: unique } }, true)];
  validationOf({ job_id: "j", tools }, [], { ...log, debug })?.(calling(["f", '{"secret":1}']));
  assert.deepEqual(lines, [["answer_invalid", { job_id: "j", part: "call 0", errors: 1 }]]);
});
