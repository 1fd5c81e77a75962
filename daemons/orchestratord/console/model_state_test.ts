import assert from "node:assert/strict";
import { heardWorkers, modelState } from "./web/model_state.ts";

Deno.test("a model's state is what its workers on pools that are heard of say", () => {
  const model = { workers: ["w"], loading: false, loaded: true, size_bytes: 1 };
  const error = { pool_id: "p", retry_at: "", error: "broken", failures: 1 };
  assert.equal(modelState(model, new Set(["w"])), "loaded");
  assert.equal(modelState(model, new Set()), "no heartbeat");
  const idle = { ...model, workers: [], loaded: false };
  assert.equal(modelState(idle, new Set()), "on disk");
  assert.equal(modelState({ ...idle, failed_loads: [error] }, new Set()), "load failed");
  assert.equal(heardWorkers(undefined).size, 0);
});
