import assert from "node:assert/strict";
import { readMemoryLines } from "./memory_lines.ts";

const MIB = 2 ** 20;
/** In MiB, rounded as llama.cpp does. */
const mib = (sizes: ReadonlyMap<string, number>) =>
  Object.fromEntries(
    [...sizes].map(([name, bytes]) => [name, Math.floor(bytes / MIB * 100) / 100]),
  );

Deno.test("sizes of a model on the CPU are read from llama.cpp's log", () => {
  const said = readMemoryLines([
    "load_tensors: layer   0 assigned to device CPU, is_swa = 1",
    "load_tensors: layer   1 assigned to device CPU, is_swa = 0",
    "load_tensors:          CPU model buffer size =   222.51 MiB",
    "load_tensors:   CPU_REPACK model buffer size =    12.66 MiB",
    "llama_context:        CPU  output buffer size =     4.00 MiB",
    "llama_kv_cache: layer   1: dev = CPU",
    "llama_kv_cache:        CPU KV buffer size =     0.00 MiB",
    "llama_kv_cache: size =   48.00 MiB (  4096 cells,   3 layers,  4/4 seqs), K (f16):   24.00 MiB, V (f16):   24.00 MiB",
    "sched_reserve:        CPU compute buffer size =    34.16 MiB",
  ]);
  assert.deepEqual(said.models, [["CPU", "CPU"]]);
  assert.deepEqual(mib(said.weights), { CPU: 222.51, CPU_REPACK: 12.66 });
  assert.deepEqual(mib(said.caches), { CPU: 48 });
  assert.deepEqual(mib(said.compute), { CPU: 34.16 });
  assert.equal(said.states.size, 0);
});

Deno.test("a cache counts where its layers are, and each model has its own layers", () => {
  const said = readMemoryLines([
    "load_tensors: layer   0 assigned to device CPU, is_swa = 0",
    "load_tensors: layer   1 assigned to device CUDA0, is_swa = 0",
    "llama_kv_cache: layer   0: dev = CPU",
    "llama_kv_cache: layer   1: dev = CUDA0",
    "llama_kv_cache: layer   2: dev = CUDA0",
    "llama_kv_cache: layer   3: dev = CUDA0",
    "llama_kv_cache: size =   40.00 MiB (4096 cells)",
    "llama_memory_recurrent, layer   0: dev = CUDA0",
    "llama_memory_recurrent:      CUDA0 RS buffer size =     1.25 MiB",
    "llama_memory_recurrent: size =    1.25 MiB (     4 cells)",
    "sched_reserve:      CUDA0 compute buffer size =   100.00 MiB",
    "sched_reserve:  CUDA_Host compute buffer size =     9.00 MiB",
    "load_tensors: layer   0 assigned to device CUDA0, is_swa = 0",
    "llama_kv_cache: layer   0: dev = CUDA0",
    "llama_kv_cache: size =    2.00 MiB (4096 cells)",
  ]);
  assert.deepEqual(said.models, [["CPU", "CUDA0"], ["CUDA0"]]);
  assert.deepEqual(mib(said.caches), { CPU: 10, CUDA0: 32 });
  assert.deepEqual(mib(said.states), { CUDA0: 1.25 });
  assert.deepEqual(mib(said.compute), { CUDA0: 100, CUDA_Host: 9 });
});
