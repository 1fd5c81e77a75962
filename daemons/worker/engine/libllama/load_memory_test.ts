import assert from "node:assert/strict";
import { loadMemory, type Rehearsal } from "./estimate.ts";

const on = (name: string, bytes: number) => new Map([[name, bytes]]);
const GB = 1_000_000_000;

/** A load whose parts are far apart, so that a sum shows which of them are in it. */
const rehearsal = (changes: Partial<Rehearsal> = {}): Rehearsal => ({
  device: undefined,
  said: {
    models: [],
    weights: new Map(),
    caches: on("CPU", 10 * GB),
    states: new Map(),
    compute: on("CPU", 20 * GB),
  },
  processBytes: 0,
  weights: [{ fileBytes: 7 * GB, dataBytes: 6 * GB, byDevice: on("CPU", 6 * GB) }],
  copies: [new Map([["CPU", 5 * GB], ["CPU_REPACK", 2 * GB]])],
  adapterBytes: 0,
  facts: { vocabularySize: 0, vectorLength: 0 },
  mapsFile: true,
  batch: 512,
  slots: 4,
  guesses: 0,
  vectorTokens: 0,
  activationBytes: 0,
  ...changes,
});
/** In GB, rounded down: what a process takes anyway is far less than one. */
const gb = (bytes: number) => Math.floor(bytes / GB);

Deno.test("on the CPU the file, copies of weights, cache and buffers all count once", () => {
  const { device_bytes, host_bytes, parts } = loadMemory(rehearsal());
  assert.equal(gb(device_bytes), 6 + 2 + 10 + 20);
  assert.equal(host_bytes, 0);
  assert.ok(parts["serving"]! > 0);
  assert.equal(parts["copied_weights"], 2 * GB);
});

Deno.test("a file that is read instead of mapped counts as the buffers that it is read into", () => {
  const { device_bytes } = loadMemory(rehearsal({ mapsFile: false }));
  assert.equal(gb(device_bytes), 5 + 2 + 10 + 20);
});

Deno.test("while the file is read, all of it counts", () => {
  const said = { ...rehearsal().said, caches: new Map(), compute: new Map() };
  const weights = [{ fileBytes: 9 * GB, dataBytes: 6 * GB, byDevice: new Map() }];
  const { device_bytes } = loadMemory(rehearsal({ said, weights }));
  assert.equal(gb(device_bytes), 9 + 2);
});

Deno.test("a GPU has its layers, caches, states and buffers; the rest is beside it", () => {
  const both = (gpu: number, cpu: number) => new Map([["CUDA0", gpu], ["CPU", cpu]]);
  const { device_bytes, host_bytes } = loadMemory(rehearsal({
    device: "CUDA0",
    said: {
      models: [],
      weights: new Map(),
      caches: both(10 * GB, 100 * GB),
      states: on("CUDA0", 2 * GB),
      compute: new Map([["CUDA0", 20 * GB], ["CUDA_Host", 200 * GB]]),
    },
    weights: [{ fileBytes: 7 * GB, dataBytes: 6 * GB, byDevice: both(4 * GB, 12 * GB) }],
    copies: [new Map([["CPU", 5 * GB], ["CPU_REPACK", 2_000 * GB]])],
    adapterBytes: GB,
  }));
  assert.equal(device_bytes, (4 + 10 + 2 + 20 + 1) * GB);
  assert.equal(gb(host_bytes), 12 + 100 + 200 + 1_500);
});

Deno.test("rows of logits count beyond those that a context keeps anyway", () => {
  const outputs = (changes: Partial<Rehearsal>) =>
    loadMemory(rehearsal({ facts: { vocabularySize: 1_000, vectorLength: 10 }, ...changes }))
      .parts["outputs"];
  assert.equal(outputs({}), 4 * 1_000 * (32 - 4));
  assert.equal(outputs({ batch: 16 }), 4 * 1_000 * (16 - 4));
  assert.equal(outputs({ slots: 1, guesses: 100 }), 4 * 1_000 * 100);
  assert.equal(outputs({ batch: 4, vectorTokens: 50 }), 4 * 50 * 1_010);
});
