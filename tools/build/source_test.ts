import assert from "node:assert/strict";
import { readCommit } from "./source.ts";

Deno.test("readCommit() gives twelve digits, however git shortens a hash", async () => {
  assert.match((await readCommit(() => undefined)).commit, /^[0-9a-f]{12}(-dirty)?$/);
});

Deno.test("readCommit() takes SOURCE_DATE_EPOCH, and refuses one that is no time", async () => {
  const { epoch, date } = await readCommit(() => "1790000000");
  assert.equal(epoch, 1_790_000_000);
  assert.equal(date, "2026-09-21");
  for (const wrong of ["abc", "-1", "1e3", "999999999999999"]) {
    await assert.rejects(readCommit(() => wrong), {
      name: "UsageError",
      message: `SOURCE_DATE_EPOCH is "${wrong}": set it to seconds since 1970, or leave it out`,
    });
  }
});
