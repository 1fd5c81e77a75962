import assert from "node:assert/strict";
import { A, model, pool, Run, submit, worker } from "../testing/scheduler.ts";
import { modelViews, workerViews } from "./views.ts";

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

Deno.test("a model shows what a ready worker says of it", () => {
  const run = new Run();
  const warning = "The model has no chat template";
  run.at(0, pool([worker("w1", A), worker("w2", A, { warning })]));
  assert.equal(modelViews(run.state)[0]?.warning, warning);
  run.at(1, pool([worker("w1", A)]));
  assert.equal("warning" in modelViews(run.state)[0]!, false);
});

Deno.test("a worker is as busy as the jobs seated there say, not as its pool said at last", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A, { slots: 2, active: 2 })]));
  const active = () => workerViews(run.state).map((view) => view.active);
  assert.deepEqual(active(), [0]);
  run.at(1, submit("j1", 1));
  assert.deepEqual(active(), [1]);
});

Deno.test("a model shows each server elsewhere to which its prompts may go, once", () => {
  const run = new Run();
  const at = (host: string) => ({ ...model(A), elsewhere: { host, is_outside: true, slots: 1 } });
  run.at(0, pool([], { models: [at("a.example"), model(A), at("b.example"), at("a.example")] }));
  assert.deepEqual(modelViews(run.state)[0]?.elsewhere, [
    { host: "a.example", is_outside: true },
    { host: "b.example", is_outside: true },
  ]);
  run.at(1, pool([]));
  assert.equal("elsewhere" in modelViews(run.state)[0]!, false);
});

Deno.test("a worker shows what the server behind it says of its load", () => {
  const run = new Run();
  const server_load = { running: 2, waiting: 5 };
  run.at(0, pool([worker("w1", A, { server_load }), worker("w2", A)]));
  assert.deepEqual(workerViews(run.state).map((view) => view.server_load), [
    server_load,
    undefined,
  ]);
});
