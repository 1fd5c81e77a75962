import assert from "node:assert/strict";
import { Run, submit } from "../testing/scheduler.ts";
import { OwnLine } from "./own_line.ts";

Deno.test("OwnLine sums the expected tokens of its jobs, as they come and go", () => {
  const run = new Run({ queueCapacity: 100 });
  const line = new OwnLine();
  for (
    const [id, maxTokens] of [["a", 10], ["b", 200], ["c", undefined], ["d", 2 ** 40]] as const
  ) {
    run.at(0, submit(id, 0, { maxTokens }));
    line.set(id, run.state.queued.get(id)!);
  }
  assert.equal(line.expectedTokens(100), 10 + 100 + 100 + 100);
  assert.equal(line.expectedTokens(1000), 10 + 200 + 1000 + 1000);
  line.set("b", line.get("b")!);
  assert.equal(line.expectedTokens(1000), 2210, "a job that is added again counts once");
  for (const id of ["a", "c", "nobody"]) line.delete(id);
  assert.equal(line.expectedTokens(1000), 1200);
  for (const id of ["b", "d"]) line.delete(id);
  assert.equal(line.expectedTokens(1000), 0);
});
