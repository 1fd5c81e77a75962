import assert from "node:assert/strict";
import { reportName, sequenceOf } from "./reports.ts";

Deno.test("the name of a report has its number, for its own instance only", () => {
  assert.equal(sequenceOf(reportName("i-1", 7)!, "i-1"), 7);
  assert.equal(sequenceOf("i-1/7", "i-2"), undefined);
  assert.equal(sequenceOf("i-1/seven", "i-1"), undefined);
  assert.equal(sequenceOf("i-17", "i-1"), undefined);
  assert.equal(reportName("i-1", undefined), undefined);
});
