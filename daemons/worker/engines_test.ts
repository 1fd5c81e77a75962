import assert from "node:assert/strict";
import { createLogger } from "#shared/logging.ts";
import { EngineThread } from "./engine/libllama/engine_thread.ts";
import { ENGINES, isComputing } from "./engines.ts";
import type { LoadContext } from "./model.ts";
import { testConfig } from "./testing/worker.ts";

const context: LoadContext = {
  log: createLogger("test"),
  observer: {} as LoadContext["observer"],
  onProgress() {},
  onFatal(error) {
    throw error;
  },
  signal: new AbortController().signal,
};

Deno.test("a load that has begun is ended, and leaves no thread", async () => {
  const loading = ENGINES.llama(testConfig());
  await loading.begun;
  assert.ok(isComputing());
  await loading.abandon();
  assert.ok(!isComputing());
});

Deno.test("a prepared thread is nothing that must be stopped, and serves a load", async () => {
  const thread = new EngineThread();
  thread.prepare();
  assert.ok(!isComputing());
  const loading = ENGINES.llama(testConfig(), { thread });
  await loading.begun;
  assert.ok(isComputing());
  await loading.abandon();
  assert.ok(!isComputing());
});

Deno.test("a load that has begun with a file that is missing fails in words, and leaves no thread", async () => {
  const config = testConfig({ model: "/nowhere/missing.gguf" });
  const loading = ENGINES.llama(config);
  await assert.rejects(loading.load(config, context), { code: "MODEL_NOT_FOUND" });
  assert.ok(!isComputing());
});
