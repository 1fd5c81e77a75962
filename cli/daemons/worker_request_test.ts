import assert from "node:assert/strict";
import { readOptions } from "../options.ts";
import { standaloneArgs } from "./standalone.ts";
import { WORKER_OPTIONS } from "./worker_options.ts";
import { workerRequest } from "./worker_request.ts";

const request = (kind: string, options: Record<string, string>) =>
  workerRequest(kind, readOptions(WORKER_OPTIONS, { model: "demo", ...options }));

Deno.test("a worker can have some of its layers on the GPU, with and without a pool manager", () => {
  const parsed = request("cuda", { gpuLayers: "20" });
  assert.equal(parsed.gpuLayers, 20);
  assert.ok(standaloneArgs(parsed, "/m.gguf").includes("--gpu-layers=20"));
  assert.equal(request("cuda", {}).gpuLayers, undefined);
  assert.ok(
    standaloneArgs(request("cuda", { gpuLayers: "fit" }), "/m.gguf").includes("--gpu-layers=fit"),
  );
  assert.throws(() => request("cuda", { gpuLayers: "all" }), /^.*--gpu-layers must be a number/);
});

Deno.test("a worker can be on several GPUs", () => {
  const parsed = request("cuda", { gpu: "0,2" });
  assert.ok(standaloneArgs(parsed, "/m.gguf").includes("--gpu=0,2"));
  for (const bad of ["0,0", "0,", "a", "1000"]) {
    assert.throws(() => request("cuda", { gpu: bad }), /--gpu must be different whole numbers/);
  }
});

Deno.test("GPU options are refused for the CPU", () => {
  assert.throws(() => request("cpu", { gpu: "1" }), /--gpu makes no sense for cpu/);
  assert.throws(() => request("cpu", { gpuLayers: "1" }), /--gpu-layers makes no sense for cpu/);
});
