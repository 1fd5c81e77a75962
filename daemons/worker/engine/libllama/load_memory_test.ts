import assert from "node:assert/strict";
import { loadMemory, type Rehearsal } from "./estimate.ts";

const on = (name: string, bytes: number) => new Map([[name, bytes]]);
const GB = 1_000_000_000;

/** A load whose parts are far apart, so that a sum shows which of them are in it. */
const rehearsal = (changes: Partial<Rehearsal> = {}): Rehearsal => ({
  devices: [],
  ratio: [],
  said: {
    models: [],
    weights: new Map(),
    caches: on("CPU", 10 * GB),
    states: new Map(),
    compute: on("CPU", 20 * GB),
  },
  processBytes: 0,
  weights: [{ fileBytes: 7 * GB, dataBytes: 6 * GB, byDevice: on("CPU", 6 * GB), tensors: [] }],
  copies: [new Map([["CPU", 5 * GB], ["CPU_REPACK", 2 * GB]])],
  adapterBytes: 0,
  facts: { vocabularySize: 0, vectorLength: 0, window: 0 },
  mapsFile: true,
  batch: 512,
  slots: 4,
  guesses: 0,
  draftsItself: false,
  makesShortlists: false,
  checkpointBytes: 0,
  keptBytes: 0,
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

Deno.test("what is read into another layout leaves a buffer of its largest tensor in the heap", () => {
  const MB = 2 ** 20;
  const load = (mapsFile: boolean, copied: number, tensors: readonly number[]) =>
    loadMemory(rehearsal({
      mapsFile,
      weights: [{ fileBytes: 7 * GB, dataBytes: 6 * GB, byDevice: on("CPU", 6 * GB), tensors }],
      copies: [new Map([["CPU", 5 * GB], ["CPU_REPACK", copied]])],
    })).parts["read_buffer"];
  assert.equal(load(false, 20 * MB, [3 * MB, 9 * MB]), 9 * MB);
  assert.equal(load(false, 20 * MB, [3 * MB, 21 * MB]), 3 * MB, "that one was not converted");
  assert.equal(load(false, 2 * GB, [3 * MB, 33 * MB]), 3 * MB, "that one was given back");
  assert.equal(load(false, 0, [3 * MB]), undefined);
  assert.equal(load(true, 20 * MB, [3 * MB]), undefined);
});

Deno.test("while the file is read, all of it counts", () => {
  const said = { ...rehearsal().said, caches: new Map(), compute: new Map() };
  const weights = [{ fileBytes: 9 * GB, dataBytes: 6 * GB, byDevice: new Map(), tensors: [] }];
  const { device_bytes } = loadMemory(rehearsal({ said, weights }));
  assert.equal(gb(device_bytes), 9 + 2);
});

Deno.test("a GPU has its layers, caches, states and buffers; the rest is beside it", () => {
  const both = (gpu: number, cpu: number) => new Map([["CUDA0", gpu], ["CPU", cpu]]);
  const { device_bytes, host_bytes } = loadMemory(rehearsal({
    devices: ["CUDA0"],
    said: {
      models: [],
      weights: new Map(),
      caches: both(10 * GB, 100 * GB),
      states: on("CUDA0", 2 * GB),
      compute: new Map([["CUDA0", 20 * GB], ["CUDA_Host", 200 * GB]]),
    },
    weights: [{
      fileBytes: 7 * GB,
      dataBytes: 6 * GB,
      byDevice: both(4 * GB, 12 * GB),
      tensors: [],
    }],
    copies: [new Map([["CPU", 5 * GB], ["CPU_REPACK", 2_000 * GB]])],
    adapterBytes: GB,
  }));
  assert.equal(device_bytes, (4 + 10 + 2 + 20 + 1) * GB);
  assert.equal(gb(host_bytes), 12 + 100 + 200 + 1_500);
});

Deno.test("rows of logits count beyond those that a context keeps anyway", () => {
  const outputs = (changes: Partial<Rehearsal>) =>
    loadMemory(
      rehearsal({ facts: { vocabularySize: 1_000, vectorLength: 10, window: 0 }, ...changes }),
    )
      .parts["outputs"];
  assert.equal(outputs({}), 4 * 1_000 * (32 - 4));
  assert.equal(outputs({ batch: 16 }), 4 * 1_000 * (16 - 4));
  assert.equal(outputs({ slots: 1, guesses: 100 }), 4 * 1_000 * 100);
  assert.equal(outputs({ batch: 4, vectorTokens: 50 }), 4 * 50 * 1_010);
});

Deno.test("each of several GPUs has what its layers take; what computes counts on each", () => {
  const sizes = (one: number, other: number) => new Map([["CUDA1", one], ["CUDA10", other]]);
  const load = {
    devices: ["CUDA1", "CUDA10"],
    said: {
      ...rehearsal().said,
      caches: sizes(10 * GB, 100 * GB),
      compute: sizes(1 * GB, 2 * GB),
    },
    weights: [{
      fileBytes: 7 * GB,
      dataBytes: 6 * GB,
      byDevice: sizes(20 * GB, 200 * GB),
      tensors: [],
    }],
    adapterBytes: 3 * GB,
    ratio: [1, 2],
  };
  const { device_bytes, device_shares } = loadMemory(rehearsal(load));
  assert.deepEqual(device_shares, [32 * GB, 304 * GB]);
  assert.equal(device_bytes, 336 * GB);
  // With `split = tensor`, all of them together are one device.
  const all = (bytes: number) => on("Meta(CUDA1,CUDA10)", bytes * GB);
  const together = loadMemory(rehearsal({
    ...load,
    said: { ...rehearsal().said, caches: all(3), compute: all(5) },
    weights: [{ fileBytes: 0, dataBytes: 0, byDevice: all(30), tensors: [] }],
  }));
  assert.deepEqual(together.device_shares, [17 * GB, 29 * GB]);
  assert.equal(gb(together.host_bytes), 0);
});

Deno.test("checkpoints count up to their bound: copies of states, and of windows", () => {
  const checkpoints = (changes: Partial<Rehearsal>) =>
    loadMemory(rehearsal({ checkpointBytes: 50 * GB, ...changes })).parts["checkpoints"];
  const states = { ...rehearsal().said, states: on("CPU", GB) };
  assert.equal(checkpoints({ said: states }), 8 * GB);
  const window = { ...rehearsal().facts, window: 512 };
  assert.equal(checkpoints({ facts: window }), 50 * GB);
  assert.equal(checkpoints({ facts: window, checkpointBytes: 0 }), undefined);
  assert.equal(checkpoints({}), undefined, "a cache that can be cut needs none");
});

Deno.test("what slots held counts up to its bound: eight times their caches", () => {
  const kept = (keptBytes: number) => loadMemory(rehearsal({ keptBytes })).parts["kept"];
  const cache = loadMemory(rehearsal()).parts["cache"]!;
  assert.ok(cache > 0);
  assert.deepEqual([0, GB, 1000 * GB].map(kept), [undefined, GB, 8 * cache]);
});

Deno.test("layers that draft have hidden states of whole batches", () => {
  const facts = { vocabularySize: 0, vectorLength: 1_000, window: 0 };
  const { parts } = loadMemory(rehearsal({ facts, draftsItself: true }));
  assert.equal(parts["draft_states"], 3 * 512 * 1_000 * 4);
});

Deno.test("lists of the most probable tokens count for each row, and on the GPU for each slot", () => {
  const facts = { vocabularySize: 1_000, vectorLength: 0, window: 0 };
  const load = { facts, makesShortlists: true };
  assert.equal(loadMemory(rehearsal(load)).parts["shortlists"], 12 * 1_000 * (32 + 4));
  const { parts, device_bytes } = loadMemory(rehearsal({ ...load, devices: ["CUDA0"] }));
  assert.equal(parts["shortlists"], 12 * 1_000 * 32);
  assert.equal(device_bytes, 12 * 1_000 * 4);
});
