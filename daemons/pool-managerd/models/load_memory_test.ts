import assert from "node:assert/strict";
import { estimateHostMemory, estimateMemory, withoutCopies } from "#shared/models/estimate.ts";
import type { FoundModel } from "#shared/models/scan.ts";
import { poolConfig } from "../config.ts";
import { FINGERPRINT, poolModel } from "../testdata/records.ts";
import { extraFiles, measurementKey, onHost, settingsOf, withSettings } from "./load_memory.ts";

function model(changes: Partial<FoundModel> = {}): FoundModel {
  const { staged: _, ...found } = poolModel();
  return { ...found, ...changes };
}

const config = (worker: Record<string, unknown>, engines = {}) =>
  poolConfig.parse({ worker, engines });

Deno.test("settings of a model's workers override those of all workers", () => {
  const { worker } = config({
    llama: { cache_type_k: "q8_0", mlock: true },
    models: { small: { cache_type_k: "q4_0" } },
  });
  const settings = settingsOf(["demo", "small"], worker);
  assert.deepEqual([settings.cache_type_k, settings.mlock], ["q4_0", true]);
  assert.equal(settingsOf(["other"], worker).cache_type_k, "q8_0");
});

Deno.test("a KV cache of smaller types is reported with its real size", async () => {
  const described = async (llama: Record<string, unknown>) => {
    const found = { models: [model({ window_bytes_per_token: 64 })], problems: [] };
    return (await withSettings(found, config({ llama }))).models[0]!;
  };
  assert.equal((await described({})).kv_bytes_per_token, 100);
  // Q8_0 takes 34 bytes for 32 values, F16 takes 64.
  const small = await described({ cache_type_k: "q8_0", cache_type_v: "q8_0" });
  assert.deepEqual([small.kv_bytes_per_token, small.window_bytes_per_token], [54, 34]);
  assert.equal((await described({ cache_type_k: "q8_0" })).kv_bytes_per_token, 77);
});

Deno.test("loads are remembered separately if their configuration changes their memory", () => {
  const key = (llama: Record<string, unknown>, engines = {}) =>
    measurementKey(model(), config({ llama }).worker, config({}, engines).engines);
  assert.equal(key({ flash_attention: "on" }), FINGERPRINT);
  assert.notEqual(key({ cache_type_k: "q8_0" }), FINGERPRINT);
  assert.notEqual(key({ batch_size: 64 }), FINGERPRINT);
  const own = (demo: Record<string, unknown>) =>
    measurementKey(model(), config({ models: { demo } }).worker, {});
  assert.notEqual(own({ lora: { a: "/a.gguf" } }), FINGERPRINT);
  assert.notEqual(key({}, { x: { command: "x", models: ["demo"] } }), FINGERPRINT);
});

Deno.test("the configured GPU layers are reported with the model; its own override the common ones", async () => {
  const layers = async (worker: Record<string, unknown>, engines = {}) => {
    const found = { models: [model()], problems: [] };
    return (await withSettings(found, config(worker, engines))).models[0]?.gpu_layers;
  };
  assert.equal(await layers({}), undefined);
  assert.equal(await layers({ llama: { gpu_layers: 20 } }), 20);
  assert.equal(await layers({ llama: { gpu_layers: 20 }, models: { demo: { gpu_layers: 0 } } }), 0);
  const engines = { x: { command: "x", models: ["demo"] } };
  assert.equal(
    await layers({ llama: { gpu_layers: 20 } }, engines),
    undefined,
    "not for another engine",
  );
});

Deno.test("adapters, a draft model and the tokens of a batch are part of what a load takes", async () => {
  const draft = { weight_bytes: 7000, kv_bytes_per_token: 3, compute_bytes: 0 };
  const files = {
    sizeOf: () => Promise.resolve(500),
    memoryOf: () => Promise.resolve(draft),
    tensorsOf: () => Promise.reject(new Error("no setting needs the tensors")),
  };
  const needs = async (own: Record<string, unknown>) => {
    const found = { models: [model()], problems: [] };
    const small = { ...own, cache_mib: 0 };
    const { models } = await withSettings(found, config({ models: { small } }), files);
    return estimateMemory(models[0]!, { context: 256, slots: 2 });
  };
  const plain = await needs({});
  assert.equal(await needs({ lora: { a: "/a.gguf", b: "/b.gguf" } }) - plain, 1000);
  const drafted = { speculative: "draft", draft_model: "/d.gguf" };
  assert.equal(await needs(drafted) - plain, 7000 + 3 * 256 * 2);
  assert.equal(await needs({ batch_size: 1024 }) - plain, 512 * 6 * 256, "the mask");
});

Deno.test("a recurrent model that guesses takes a further state of each slot for each guess", async () => {
  const needs = async (own: Record<string, unknown>) => {
    const found = { models: [{ ...model(), state_bytes_per_slot: 1000 }], problems: [] };
    const small = { ...own, checkpoint_mib: 0, cache_mib: 0 };
    const { models } = await withSettings(found, config({ models: { small } }));
    return estimateMemory(models[0]!, { context: 256, slots: 2 });
  };
  const plain = await needs({ speculative: "off", draft_tokens: 9 });
  assert.equal(await needs({ speculative: "mtp" }) - plain, 4 * 2 * 1000);
  assert.equal(await needs({ speculative: "lookup", draft_tokens: 9 }) - plain, 9 * 2 * 1000);
});

/** Memory of copies of a load with these settings, which is main memory in any case. */
async function copiesOf(
  small: Record<string, unknown>,
  of: Partial<ReturnType<typeof model>>,
): Promise<number> {
  const found = { models: [{ ...model(), ...of }], problems: [] };
  const { models } = await withSettings(found, config({ models: { small } }));
  const load = { context: 1024, slots: 2 };
  const gpu = withoutCopies(models[0]!);
  const [cpuBytes, gpuBytes] = [estimateMemory(models[0]!, load), estimateMemory(gpu, load)];
  assert.equal(estimateHostMemory(models[0]!, load), cpuBytes - gpuBytes);
  return cpuBytes - gpuBytes;
}

Deno.test("what slots held counts in main memory, up to its bound of eight states a slot, and on no GPU", async () => {
  const big = { kv_bytes_per_token: 10_000 };
  assert.equal(await copiesOf({ cache_mib: 100 }, big), 100 * 2 ** 20);
  assert.equal(await copiesOf({ cache_mib: 512 }, big), 8 * 2 * 1024 * 10_000);
  assert.equal(
    await copiesOf({ cache_mib: 512 }, { kv_bytes_per_token: 1_000_000 }),
    512 * 2 ** 20,
  );
  assert.equal(await copiesOf({}, big), 0);
});

Deno.test("what slots held may take a 32nd of the host's memory for each worker, at most 512 MiB", () => {
  const on = (gib: number, llama = {}) =>
    onHost(config({ llama }), gib * 2 ** 30).worker.llama.cache_mib;
  assert.deepEqual([on(1), on(8), on(16), on(500)], [32, 256, 512, 512]);
  assert.deepEqual([on(8, { cache_mib: 0 }), on(8, { cache_mib: 4_000 })], [0, 4_000]);
});

Deno.test("a load that was measured had no copies yet", async () => {
  const found = { models: [model()], problems: [] };
  const { models } = await withSettings(found, config({ models: { small: { cache_mib: 1 } } }));
  const load = { context: 4096, slots: 8 };
  const figures = { ...models[0]!, kv_bytes_per_token: 1_000 };
  const measured = { ...load, memory_bytes: 10 ** 9 };
  assert.equal(estimateMemory({ ...figures, measured }, load), 10 ** 9 + 2 ** 20);
});

Deno.test("states that prompts go back to count in main memory, up to their bound, and on no GPU", async () => {
  const memory = (own: Record<string, unknown>, of: Partial<ReturnType<typeof model>>) =>
    copiesOf({ ...own, cache_mib: 0 }, of);
  const recurrent = { state_bytes_per_slot: 1000 };
  assert.equal(await memory({}, recurrent), 2 * 8 * 1000);
  assert.equal(await memory({ checkpoint_mib: 0 }, recurrent), 0);
  const windowed = { window_tokens: 256, window_bytes_per_token: 1000 };
  assert.equal(await memory({}, windowed), 2 * 8 * 1000 * 1024, "of the window and a batch");
  assert.equal(await memory({ checkpoint_mib: 1 }, windowed), 2 ** 20);
  assert.equal(await memory({}, { ...windowed, window_tokens: 512 }), 0, "such a cache is whole");
  assert.equal(await memory({}, {}), 0);
});

Deno.test("layers that guess compute with buffers of their own", async () => {
  const buffers = async (speculative: string) => {
    const compute_bytes = 96 * 2 ** 20 + 5_000;
    const found = { models: [{ ...model(), compute_bytes }], problems: [] };
    const { models } = await withSettings(found, config({ models: { small: { speculative } } }));
    return models[0]!.compute_bytes - compute_bytes;
  };
  assert.equal(await buffers("mtp"), 5_000);
  assert.equal(await buffers("lookup"), 0);
});

Deno.test("a model whose adapter or draft model is missing is reported as a problem before any load", async () => {
  const found = { models: [model()], problems: [] };
  for (
    const own of [
      { lora: { a: "/nowhere/a.gguf" } },
      { speculative: "draft", draft_model: "/nowhere/a.gguf" },
    ]
  ) {
    const { models, problems } = await withSettings(found, config({ models: { demo: own } }));
    assert.deepEqual(models, []);
    assert.match(problems[0]!.message, /^Its .*\(\/nowhere\/a\.gguf\) cannot be read: /);
  }
});

Deno.test("weights that settings keep in main memory are counted by the names of tensors", async () => {
  const tensors = new Map([
    ["blk.0.ffn_up_exps.weight", 100],
    ["blk.0.attn_q.weight", 20],
    ["blk.1.ffn_down_exps.weight", 50],
    ["output.weight", 7],
  ]);
  const files = { ...extraFiles(), tensorsOf: () => Promise.resolve(tensors) };
  const kept = async (own: Record<string, unknown>) => {
    const found = { models: [model()], problems: [] };
    const { models } = await withSettings(found, config({ models: { small: own } }), files);
    return models[0]?.cpu_weight_bytes;
  };
  assert.equal(await kept({}), undefined);
  assert.equal(await kept({ cpu_moe: true }), 150);
  assert.equal(await kept({ cpu_moe_layers: 1 }), 100);
  assert.equal(await kept({ tensor_overrides: ["attn_q=cpu", "output=gpu0"] }), 20);
  const first = { cpu_moe: true, tensor_overrides: [String.raw`blk\.1\.=gpu0`] };
  assert.equal(await kept(first), 100, "the first pattern that matches counts");
});
