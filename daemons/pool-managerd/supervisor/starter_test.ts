import assert from "node:assert/strict";
import { startDeadlineMs } from "./starter.ts";

Deno.test("a worker's deadline to be ready grows with its file, by one second per 100 MB", () => {
  assert.equal(startDeadlineMs(60_000, 2_000_000), 60_020);
  assert.equal(startDeadlineMs(60_000, 40_000_000_000), 460_000);
});
