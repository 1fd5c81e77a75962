import assert from "node:assert/strict";
import { missingTests } from "./guarantees.ts";

const FILES: Record<string, string> = { "../a_test.ts": 'Deno.test("it holds", () => {});' };
const check = (page: string) => missingTests(page, (path) => FILES[path]);

Deno.test("missingTests() finds a test that a page names and nobody wrote", () => {
  assert.deepEqual(check("[it holds](../a_test.ts), [prose](../b.md)"), { problems: [], links: 1 });
  assert.match(check("[it fails](../a_test.ts)").problems.join(), /has no test "it fails"/);
  assert.match(check("[it holds](../b_test.ts)").problems.join(), /there is no file \.\.\/b_test/);
});
