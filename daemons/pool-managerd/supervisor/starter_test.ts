import assert from "node:assert/strict";
import { startDeadlineMs } from "./starter.ts";

Deno.test("the time that a worker has to be ready grows with its file, by a second for 100 MB", () => {
  assert.equal(startDeadlineMs(60_000, 2_000_000), 60_020);
  assert.equal(startDeadlineMs(60_000, 40_000_000_000), 460_000);
});
