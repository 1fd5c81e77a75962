import assert from "node:assert/strict";
import type { FoundModel } from "#shared/models/scan.ts";
import { poolConfig } from "../config.ts";
import { FINGERPRINT, poolModel } from "../testdata/records.ts";
import { measurementKey, settingsOf, withSettings } from "./load_memory.ts";

function model(changes: Partial<FoundModel> = {}): FoundModel {
  const { staged: _, ...found } = poolModel();
  return { ...found, ...changes };
}

const config = (worker: Record<string, unknown>, engines = {}) =>
  poolConfig.parse({ worker, engines });

Deno.test("what a model's own workers are told goes over what all are told", () => {
  const { worker } = config({
    llama: { cache_type_k: "q8_0", mlock: true },
    models: { small: { cache_type_k: "q4_0" } },
  });
  const settings = settingsOf(["demo", "small"], worker);
  assert.deepEqual([settings.cache_type_k, settings.mlock], ["q4_0", true]);
  assert.equal(settingsOf(["other"], worker).cache_type_k, "q8_0");
});

Deno.test("a cache of smaller types is told as small as it will be", () => {
  const told = (llama: Record<string, unknown>) =>
    withSettings(
      { models: [model({ window_bytes_per_token: 64 })], problems: [] },
      config({ llama }),
    )
      .models[0]!;
  assert.equal(told({}).kv_bytes_per_token, 100);
  // 34 bytes for 32 values, where F16 takes 64.
  assert.equal(told({ cache_type_k: "q8_0", cache_type_v: "q8_0" }).kv_bytes_per_token, 54);
  assert.equal(told({ cache_type_k: "q8_0", cache_type_v: "q8_0" }).window_bytes_per_token, 34);
  assert.equal(told({ cache_type_k: "q8_0" }).kv_bytes_per_token, 77);
});

Deno.test("loads are remembered apart where the configuration makes them take another memory", () => {
  const key = (llama: Record<string, unknown>, engines = {}) =>
    measurementKey(model(), config({ llama }).worker, config({}, engines).engines);
  assert.equal(key({ flash_attention: "on" }), FINGERPRINT);
  assert.notEqual(key({ cache_type_k: "q8_0" }), FINGERPRINT);
  assert.notEqual(key({}, { x: { command: "x", models: ["demo"] } }), FINGERPRINT);
});

Deno.test("the layers that a GPU is to hold are told with the model, its own before those of all", () => {
  const layers = (worker: Record<string, unknown>, engines = {}) =>
    withSettings({ models: [model()], problems: [] }, config(worker, engines)).models[0]
      ?.gpu_layers;
  assert.equal(layers({}), undefined);
  assert.equal(layers({ llama: { gpu_layers: 20 } }), 20);
  assert.equal(layers({ llama: { gpu_layers: 20 }, models: { demo: { gpu_layers: 0 } } }), 0);
  const engines = { x: { command: "x", models: ["demo"] } };
  assert.equal(layers({ llama: { gpu_layers: 20 } }, engines), undefined, "not our own worker");
});
