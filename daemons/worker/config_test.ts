import assert from "node:assert/strict";
import { loadConfig } from "#shared/config/load.ts";
import { configSpec, workerConfig } from "./config.ts";

/** Messages about settings, each with its field. */
function faults(settings: Record<string, unknown>): string[] {
  const { error } = workerConfig.safeParse({ model: "/m.gguf", standalone: true, ...settings });
  return (error?.issues ?? []).map(({ path, message }) => `${path.join(".")}: ${message}`);
}

Deno.test("--gpu names one GPU, or several, or none", () => {
  for (const gpu of ["none", "0", "0,1", "3,1,2"]) assert.deepEqual(faults({ gpu }), []);
  assert.match(faults({ gpu: "0," })[0] ?? "", /^gpu: must be none or numbers of GPUs/);
  assert.deepEqual(faults({ gpu: "1,1" }), ["gpu: names a GPU twice"]);
});

Deno.test("settings that contradict each other are refused with the field and the fix", () => {
  assert.deepEqual(faults({ cpu_moe: true, cpu_moe_layers: 2 }), [
    "cpu_moe_layers: cpu_moe holds the experts of all layers: set one",
  ]);
  assert.deepEqual(faults({ gpu: "0,1", split: "none" }), [
    "split: is none, and --gpu names several",
  ]);
  assert.deepEqual(faults({ gpu: "0,1", split_ratio: "1,1,1" }), [
    "split_ratio: has 3 parts for 2 GPUs",
  ]);
  assert.deepEqual(faults({ lora: ["a=/1", "b=/2"] }), []);
  assert.deepEqual(faults({ lora: ["a=/1", "a=/2"] }), ["lora: two adapters have the same name"]);
  assert.deepEqual(faults({ gpu: "0,1", split_ratio: "3,1", split: "row", cpu_moe: true }), []);
  const server = { engine: "openai", openai: { command: "[]" }, gpu_layers: "fit" };
  assert.deepEqual(faults(server), ["gpu_layers: fit is for --engine llama: give a number"]);
});

Deno.test("flags that have no effect without another one are refused with the fix", () => {
  const idle = (settings: Record<string, unknown>, field: string, fix: RegExp) => {
    const [fault = "", ...more] = faults(settings);
    assert.ok(fault.startsWith(`${field}: `), `${JSON.stringify(settings)}: ${fault}`);
    assert.match(fault, fix);
    assert.deepEqual(more, []);
  };
  idle({ draft_tokens: 4 }, "draft_tokens", /set it to lookup, draft or mtp/);
  assert.deepEqual(faults({ draft_tokens: 4, speculative: "off" }), []);
  assert.deepEqual(faults({ draft_tokens: 4, speculative: "lookup" }), []);
  for (const settings of [{ draft_model: "/d" }, { draft_model: "/d", speculative: "mtp" }]) {
    idle(settings, "draft_model", /only then/);
  }
  idle({ speculative: "draft" }, "draft_model", /is needed with speculative draft/);
  for (const more of [{}, { gpu: "none" }, { gpu: "0" }]) {
    idle({ split: "row", ...more }, "split", /--gpu 0,1/);
    idle({ split_ratio: "1,1", ...more }, "split_ratio", /--gpu 0,1/);
    assert.deepEqual(faults({ split: "none", ...more }), []);
  }
  idle({ openai: { command: "[]" } }, "openai.command", /--engine openai/);
  idle({ openai: { vision: true } }, "openai.vision", /--engine openai/);
  const server = { engine: "openai", openai: { command: "[]" } };
  for (
    const [key, value] of Object.entries({
      ...{ draft_tokens: 4, speculative: "lookup", mlock: true, chat_template_file: "/t" },
      ...{ saved_slots_dir: "/s", lora: ["a=/1"], prefill_chunk: 4, cache_type_k: "f16" },
    })
  ) {
    idle({ ...server, [key]: value }, key, /--engine llama/);
  }
  // What such a flag would contradict there is no second fault.
  for (const [key, other] of [["cpu_moe", "cpu_moe_layers"], ["draft_model", "draft_tokens"]]) {
    const both = { [key!]: key === "cpu_moe" ? true : "/d", [other!]: 2 };
    const fields = faults({ ...server, ...both }).map((fault) => fault.split(":")[0]);
    assert.deepEqual(fields.toSorted(), [key, other]);
  }
  const none = { split: "none", split_ratio: "1,1" };
  assert.deepEqual(faults(none).length, 1, "one fix for a flag");
  assert.deepEqual(faults({ ...server, gpu: "0,1", gpu_layers: 2, split: "layer" }), []);
  idle({ callback_url: "http://127.0.0.1:1" }, "callback_url", /--standalone/);
});

Deno.test("the flags with which a pool manager starts a worker are read as they were set", async () => {
  const words = "--standalone --model /m.gguf --gpu 0,2 --gpu-layers 12 --split row " +
    "--split-ratio 8,4 --cpu-moe-layers 3 --backend-sampling " +
    String.raw`--tensor-overrides blk\.[0-3]\.ffn_.*_exps=cpu,output=gpu1`;
  const loaded = await loadConfig(configSpec, {
    ...{ args: words.split(" "), env: () => undefined, readFile: () => undefined },
  });
  assert.ok(loaded.kind === "run", JSON.stringify(loaded));
  const {
    gpu,
    gpu_layers,
    split,
    split_ratio,
    cpu_moe_layers,
    backend_sampling,
    tensor_overrides,
  } = loaded.config;
  assert.deepEqual(
    [gpu, gpu_layers, split, split_ratio, cpu_moe_layers, backend_sampling],
    ["0,2", "12", "row", "8,4", 3, true],
  );
  assert.deepEqual(tensor_overrides, [
    String.raw`blk\.[0-3]\.ffn_.*_exps=cpu`,
    "output=gpu1",
  ]);
});

Deno.test("flags of a server elsewhere are refused with the field and the fix", () => {
  const url = "https://gpu.example.org";
  const fingerprint = "f".repeat(64);
  const server = { engine: "openai", fingerprint, openai: { url, api_key_file: "/k" } };
  assert.deepEqual(faults(server), []);
  assert.deepEqual(faults({ ...server, fingerprint: undefined }), [
    "fingerprint: is needed with --openai-url: no file says which model that is",
  ]);
  assert.deepEqual(faults({ ...server, openai: { url, command: '["x"]' } }), [
    "openai.url: is for a server that runs elsewhere: leave it out, or leave --openai-command out",
  ]);
  assert.deepEqual(faults({ ...server, openai: { command: '["x"]', api_key_file: "/k" } }), [
    "openai.api_key_file: is only for a server with --openai-url",
  ]);
  assert.match(
    faults({ ...server, openai: { url: "http://169.254.169.254" } })[0] ?? "",
    /secrets/,
  );
  assert.deepEqual(faults({ openai: { url } }), [
    "openai.url: is only for --engine openai: set that, too",
    "fingerprint: is needed with --openai-url: no file says which model that is",
  ]);
});
