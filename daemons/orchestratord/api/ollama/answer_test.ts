import assert from "node:assert/strict";
import { IsoTimes } from "./answer.ts";

Deno.test("IsoTimes writes times as toISOString() does", () => {
  const times = new IsoTimes();
  for (const ms of [0, 7, 999, 1000, 1_700_000_000_042, 1_700_000_000_043, 1_700_000_001_500, 5]) {
    assert.equal(times.write(ms), new Date(ms).toISOString());
  }
});
