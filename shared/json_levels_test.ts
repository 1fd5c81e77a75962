import assert from "node:assert/strict";
import { parseExactJson } from "./exact_json.ts";
import { hasMoreLevels } from "./json_levels.ts";

Deno.test("hasMoreLevels() counts objects and lists in each other, however many they are", () => {
  const levels = (count: number) =>
    JSON.parse(`${'[{"a":'.repeat(count / 2)}1${"}]".repeat(count / 2)}`);
  assert.ok(!hasMoreLevels(levels(8), 8));
  assert.ok(hasMoreLevels(levels(10), 9));
  assert.ok(!hasMoreLevels([1, [], {}, [levels(4)]], 6));
  assert.ok(hasMoreLevels(levels(1_000_000), 8));
  for (const flat of ["a", null, 1, [], {}]) assert.ok(!hasMoreLevels(flat, 1));
  assert.ok(!hasMoreLevels(parseExactJson("[1.0]"), 1), "a number in its own digits is no object");
});
