import assert from "node:assert/strict";
import { defined, isRecord, parseJson } from "./json.ts";

Deno.test("isRecord() takes objects, and neither lists nor null", () => {
  for (const value of [{}, { a: 1 }]) assert.ok(isRecord(value));
  for (const value of [null, [], "a", 1, undefined]) assert.ok(!isRecord(value));
});

Deno.test("parseJson() returns undefined for invalid JSON", () => {
  assert.deepEqual(parseJson('{"a":[1]}'), { a: [1] });
  assert.equal(parseJson("null"), null);
  assert.equal(parseJson("{"), undefined);
});

Deno.test("defined() leaves out undefined values, nothing else, and keeps the order", () => {
  const fields = { b: undefined, a: null, d: 0, c: "", e: false };
  assert.equal(JSON.stringify(defined(fields)), '{"a":null,"d":0,"c":"","e":false}');
  assert.ok(!("b" in defined(fields)));
});
