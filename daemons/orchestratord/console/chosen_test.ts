import assert from "node:assert/strict";
import { type Chosen, stagesOf, stillChosen } from "./web/chosen.ts";

const queue = (running: string[], waiting: string[]) =>
  stagesOf({
    running: running.map((job_id) => ({ job_id })),
    jobs: waiting.map((job_id) => ({ job_id })),
  });

Deno.test("a job that was chosen with all waiting ones is not chosen once it runs", () => {
  const chosen: Chosen = new Map([["a", "waiting"], ["b", "waiting"], ["c", "itself"]]);
  assert.deepEqual(stillChosen(chosen, queue([], ["a", "b", "c", "d"])), ["a", "b", "c"]);
  assert.deepEqual(stillChosen(chosen, queue(["a", "c"], ["b", "d"])), ["c", "b"]);
});

Deno.test("a job that has ended is not chosen any more", () => {
  assert.deepEqual(stillChosen(new Map([["a", "itself"]]), queue(["b"], [])), []);
});
