import assert from "node:assert/strict";
import { z } from "zod";
import { checked } from "./field_errors.ts";

const schema = z.strictObject({ list: z.array(z.union([z.number(), z.array(z.number())])) });

Deno.test("checked() returns the data, or names the first wrong fields", () => {
  assert.deepEqual(checked(schema, { list: [1, [2]] }), { data: { list: [1, [2]] } });
  const result = checked(schema, { list: new Array(50).fill("a") });
  assert.ok("errors" in result);
  assert.equal(result.errors.length, 21);
  assert.equal(result.errors[19]?.field, "list.19");
  assert.deepEqual(result.errors[20], { field: "", message: "and 30 more values are wrong" });
});

Deno.test("checked() takes any number of wrong values", () => {
  for (const count of [100_000, 300_000]) {
    const result = checked(schema, { list: new Array(count).fill("a") });
    assert.ok("errors" in result && result.errors.length <= 21);
  }
});
