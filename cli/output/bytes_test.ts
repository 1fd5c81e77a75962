import assert from "node:assert/strict";
import { formatBytes } from "./bytes.ts";

Deno.test("formatBytes() uses the largest unit with a value of at least 1", () => {
  assert.equal(formatBytes(0), "0 B");
  assert.equal(formatBytes(1023), "1023 B");
  assert.equal(formatBytes(1024), "1.0 KiB");
  assert.equal(formatBytes(1.5 * 2 ** 30), "1.5 GiB");
  assert.equal(formatBytes(700 * 2 ** 30), "700 GiB");
  assert.equal(formatBytes(5000 * 2 ** 40), "5000 TiB");
});
