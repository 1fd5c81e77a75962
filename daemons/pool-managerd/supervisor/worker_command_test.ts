import assert from "node:assert/strict";
import { join } from "node:path";
import { engineSection } from "../engines.ts";
import { spawnRequest, workerRecord } from "../testdata/records.ts";
import type { SpawnPlan } from "./record.ts";
import { workerArgs, workerEnv, workerNames } from "./worker_command.ts";

function plan(changes: Partial<SpawnPlan> = {}): SpawnPlan {
  return {
    request: spawnRequest(),
    modelPath: "/models/demo.gguf",
    modelNames: ["demo", "file:/models/demo.gguf"],
    sizeBytes: 1,
    device: { id: "cpu", kind: "cpu" },
    claims: [{ device: "cpu", bytes: 1 }],
    context: 128,
    slots: 2,
    gpuLayers: null,
    estimateBytes: 1,
    hostBytes: 1,
    ...changes,
  };
}

const SETTINGS = {
  host: "127.0.0.1",
  callbackUrl: "http://127.0.0.1:9200/workers/ready",
  threads: undefined,
  llama: { llama: {}, models: {} },
  stopDeadlineMs: 30_000,
  savedSlotsDir: undefined,
  cacheExpireMs: 60_000,
};

Deno.test("workerArgs() has all settings of a worker except its secrets", () => {
  const args = workerArgs(plan(), workerRecord(), SETTINGS).join(" ");
  assert.equal(
    args,
    "--worker-id w-1 --model-ref demo --host 127.0.0.1 " +
      "--port 8001 --callback-url http://127.0.0.1:9200/workers/ready --stop-deadline-ms 25000 " +
      "--cache-expire-ms 60000 " +
      "--model /models/demo.gguf --gpu none --context 128 --slots 2",
  );
});

Deno.test("workerArgs() has the projector of a model that our own worker serves", () => {
  const engine = engineSection.parse({ command: "x", models: ["demo"] });
  const given = (changes: Partial<SpawnPlan>) => {
    const projectorPath = "/models/demo.mmproj.gguf";
    const args = workerArgs(plan({ projectorPath, ...changes }), workerRecord(), SETTINGS);
    return args[args.indexOf("--mmproj") + 1];
  };
  assert.equal(given({}), "/models/demo.mmproj.gguf");
  assert.equal(given({ engine }), "--worker-id");
});

Deno.test("workerArgs() has no setting that a worker would refuse because it has no effect", () => {
  const llama = { llama: { draft_tokens: 4 }, models: { other: { speculative: "mtp" } } } as never;
  const args = workerArgs(plan(), workerRecord(), { ...SETTINGS, llama }).join(" ");
  assert.doesNotMatch(args, /draft-tokens/);
  const engine = engineSection.parse({ command: "x", models: ["demo"] });
  const settings = { ...SETTINGS, savedSlotsDir: "/slots" };
  const saving = (changes: Partial<SpawnPlan>) =>
    workerArgs(plan(changes), workerRecord(), settings).includes("--saved-slots-dir");
  assert.deepEqual([saving({}), saving({ engine })], [true, false]);
});

Deno.test("workerArgs() has the GPU's number, and threads and layers if they are set", () => {
  const args = workerArgs(
    plan({
      device: { id: "cuda3", kind: "cuda" },
      gpuLayers: 0,
    }),
    workerRecord({ device: "cuda3" }),
    { ...SETTINGS, threads: 6 },
  ).join(" ");
  assert.match(args, /--gpu 3 /);
  assert.match(args, /--threads 6 --gpu-layers 0$/);
});

Deno.test("workerArgs() has all GPUs of a place, and the layers on each as the plan decided", () => {
  const settings = {
    ...SETTINGS,
    llama: { llama: { split: "row", split_ratio: "1,1", cpu_moe: true } as const, models: {} },
  };
  const device = { id: "cuda0.cuda2", kind: "cuda" as const };
  const split = { mode: "row", layers: [20, 13] };
  const args = workerArgs(plan({ device, split }), workerRecord(), settings).join(" ");
  assert.match(args, /--gpu 0,2 /);
  assert.match(args, /--split row --split-ratio 20,13 --cpu-moe$/);
  const one = workerArgs(plan(), workerRecord(), settings).join(" ");
  assert.doesNotMatch(one, /--split/);
});

Deno.test("workerArgs() has the layers on a GPU once, as the spawn plan decided", () => {
  const settings = { ...SETTINGS, llama: { llama: { gpu_layers: 5 }, models: {} } };
  const args = (gpuLayers: number | null) =>
    workerArgs(plan({ gpuLayers }), workerRecord(), settings);
  assert.deepEqual(args(7).filter((each) => /^(--gpu-layers|5|7)$/.test(each)), [
    "--gpu-layers",
    "7",
  ]);
  assert.equal(args(null).includes("--gpu-layers"), false);
});

Deno.test("workerArgs() passes on settings of llama.cpp: the model's own override the common ones", () => {
  const llama = {
    llama: { flash_attention: "on", cache_type_k: "q8_0", mlock: true, no_mmap: false } as const,
    models: {
      "file:/models/demo.gguf": {
        cache_type_k: "f16",
        speculative: "draft",
        draft_model: "/models/small.gguf",
        chat_template_file: "/t/demo.jinja",
        lora: { pirate: "/lora/pirate.gguf" },
      } as const,
      other: { lora: { polite: "/lora/polite.gguf" } },
    },
  };
  const args = workerArgs(plan(), workerRecord(), { ...SETTINGS, llama }).join(" ");
  assert.match(
    args,
    /--slots 2 --flash-attention on --cache-type-k f16 --mlock --speculative draft --draft-model \/models\/small.gguf --chat-template-file \/t\/demo.jinja --lora pirate=\/lora\/pirate.gguf$/,
  );
});

const ENGINE = engineSection.parse({
  command: "vllm serve {model} --port {port}",
  serves: ["hf:org/name"],
  memory: "1 GiB",
  env: { HF_HOME: "/models" },
});

Deno.test("a worker in front of another server gets its command and the model's identity", () => {
  const device = { id: "cuda3", kind: "cuda" } as const;
  const engine = { device, modelPath: "org/name", engine: ENGINE };
  const args = workerArgs(plan(engine), workerRecord(), SETTINGS).join(" ");
  assert.match(args, /--model org\/name /);
  assert.match(args, /--engine openai --openai-command \["vllm","serve","\{model\}","--port"/);
  assert.match(args, /"\{port\}"\] --fingerprint f{64}$/);
  const file = workerArgs(plan({ engine: ENGINE }), workerRecord(), SETTINGS).join(" ");
  assert.doesNotMatch(file, /--fingerprint/);
});

Deno.test("a worker in front of a server elsewhere gets its URL and the file of its key, never the key", () => {
  const engine = engineSection.parse({
    ...{ url: "https://gpu.example.org/v1", api_key_file: "/etc/llorch/gpu.key" },
    ...{ models: ["org/name"], health_path: "/up", slots: 3, ca_file: "ca.pem" },
  });
  const args = workerArgs(plan({ modelPath: "org/name", engine }), workerRecord(), SETTINGS);
  assert.deepEqual(args.slice(args.indexOf("--engine")), [
    ...["--engine", "openai", "--openai-url", "https://gpu.example.org/v1"],
    ...["--openai-poll-interval-ms", "10000"],
    ...["--openai-api-key-file", "/etc/llorch/gpu.key"],
    ...["--openai-ca-file", join(Deno.cwd(), "ca.pem")],
    ...["--openai-health-path", "/up", "--fingerprint", "f".repeat(64)],
  ]);
});

Deno.test("an engine sees only the device that it may use, and none on the CPU", () => {
  const visible = (id: string, kind: "cuda" | "cpu") =>
    workerEnv({}, workerRecord(), "info", { engine: ENGINE, device: { id, kind } });
  assert.equal(visible("cuda3", "cuda")["CUDA_VISIBLE_DEVICES"], "3");
  assert.equal(visible("cpu", "cpu")["CUDA_VISIBLE_DEVICES"], "");
  assert.equal(visible("cpu", "cpu")["HF_HOME"], "/models");
});

Deno.test("workerEnv() hides our configuration and our token from the worker", () => {
  const env = workerEnv(
    {
      PATH: "/bin",
      OTEL_DENO: "true",
      LLORCH_BIN_DIR: "/opt",
      LLORCH_API_TOKEN: "ours",
      LLORCH_PORT: "9200",
      JOURNAL_STREAM: "8:1",
    },
    workerRecord(),
    "debug",
    plan(),
  );
  assert.deepEqual(env, {
    PATH: "/bin",
    OTEL_DENO: "true",
    OTEL_SERVICE_NAME: "llorch-candled",
    LLORCH_BIN_DIR: "/opt",
    LLORCH_LOG_LEVEL: "debug",
    LLORCH_WORKER_TOKEN: "token",
    LLORCH_SPAWN_TOKEN: "spawn-token",
  });
});

Deno.test("workerNames() names the worker of a kind, and Vulkan's for GPUs that it drives too", () => {
  assert.deepEqual(workerNames("rocm"), ["llorch-candled-rocm", "llorch-candled-vulkan"]);
  assert.deepEqual(workerNames("cpu"), ["llorch-candled-cpu"]);
});
