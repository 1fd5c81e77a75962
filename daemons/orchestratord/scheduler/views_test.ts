import assert from "node:assert/strict";
import { A, model, pool, Run, worker } from "../testing/scheduler.ts";
import { modelViews } from "./views.ts";

Deno.test("a model with two files in one pool is listed once, and so are its pool and workers", () => {
  const run = new Run();
  const copy = { ...model(A), model_ref: "file:/models/copy.gguf", aliases: ["copy"] };
  run.at(0, pool([worker("w1", A)], { models: [model(A), copy] }));
  const [view, ...others] = modelViews(run.state);
  assert.deepEqual(others, []);
  assert.deepEqual(view?.pools, ["p1"]);
  assert.deepEqual(view?.workers, ["w1"]);
  assert.deepEqual(view?.aliases, ["file:/models/a.gguf", "a", "file:/models/copy.gguf", "copy"]);
});
