import assert from "node:assert/strict";
import fc from "fast-check";
import type { Device, EngineFigure } from "#shared/contracts/pool.ts";
import { LlorchError } from "#shared/errors.ts";
import { estimateMemory } from "#shared/models/estimate.ts";
import type { Commitment } from "../devices/room.ts";
import { poolModel, spawnRequest } from "../testdata/records.ts";
import { planSpawn, type SpawnFacts } from "./spawn_plan.ts";

const gpu = (number: number, bytes: number): Device => ({
  ...{ id: `cuda${number}`, kind: "cuda", name: "simulated" },
  ...{ total_bytes: bytes, free_bytes: bytes },
});
const CPU: Device = {
  ...{ id: "cpu", kind: "cpu", name: "cpu", total_bytes: 100e6, free_bytes: 100e6 },
};

/** A model with 9 layers of 1 MB, of which the output is one; what computes takes about 0.9 MB. */
const MODEL = poolModel({ weight_bytes: 9e6, block_count: 8, kv_bytes_per_token: 0 });

function facts(bytes: readonly number[], changes: Partial<SpawnFacts> = {}): SpawnFacts {
  return {
    models: [MODEL],
    devices: [...bytes.map((each, number) => gpu(number, each)), CPU],
    workers: [],
    known: { measured: [], said: [] },
    engines: {},
    settings: {},
    defaults: { context: 256, slots: 1 },
    estimate: estimateMemory,
    ...changes,
  };
}

const plan = (bytes: readonly number[], changes: Partial<SpawnFacts> = {}, request = {}) =>
  planSpawn(spawnRequest(request), facts(bytes, changes));
const code = (wanted: string, text = /./) => (error: unknown) =>
  error instanceof LlorchError && error.code === wanted && text.test(error.message);

Deno.test("a model that fits on one device goes there, whatever its settings allow", () => {
  const { device, split, claims } = plan([20e6, 20e6]);
  assert.deepEqual([device.id, split, claims.length], ["cuda0", undefined, 1]);
});

Deno.test("a model that no device holds goes to the fewest that hold it together", () => {
  const { device, split, claims, estimateBytes, hostBytes } = plan([4e6, 8e6, 8e6]);
  assert.equal(device.id, "cuda1.cuda2");
  assert.equal(split?.mode, "layer");
  assert.equal(split.layers.reduce((sum, layers) => sum + layers, 0), 9);
  assert.deepEqual(claims.map(({ device }) => device), ["cuda1", "cuda2"]);
  assert.equal(claims.reduce((sum, { bytes }) => sum + bytes, 0), estimateBytes);
  assert.equal(hostBytes, 0);
});

Deno.test("split = none keeps a model on one device, and refuses several in words", () => {
  const settings = { split: "none" } as const;
  assert.throws(() => plan([8e6, 8e6], { settings }), code("INSUFFICIENT_MEMORY", /on cuda0/));
  assert.throws(
    () => plan([8e6, 8e6], { settings }, { device: "cuda0.cuda1" }),
    code("INVALID_REQUEST", /on cuda0\.cuda1: it may be on one device only/),
  );
});

Deno.test("split_ratio says how many layers each of the first devices holds", () => {
  const settings = { split: "row", split_ratio: "2,1" } as const;
  const { device, split } = plan([8e6, 8e6, 8e6], { settings });
  assert.deepEqual([device.id, split], ["cuda0.cuda1", { mode: "row", layers: [6, 3] }]);
  assert.throws(
    () => plan([8e6, 8e6, 8e6], { settings }, { device: "cuda0.cuda1.cuda2" }),
    code("INVALID_REQUEST", /its split_ratio has 2 parts/),
  );
});

Deno.test("a place that is named is taken, or refused in words", () => {
  assert.equal(plan([20e6, 20e6], {}, { device: "cuda0.cuda1" }).device.id, "cuda0.cuda1");
  assert.throws(
    () => plan([20e6, 20e6], {}, { device: "cuda0.cpu" }),
    code("NOT_FOUND", /this pool can divide a model only among GPUs of one kind; it has cuda0/),
  );
  assert.throws(
    () => plan([20e6, 20e6], {}, { device: "cuda0.cuda9" }),
    code("NOT_FOUND", /this pool has no device "cuda9"/),
  );
  assert.throws(
    () => plan([2e6, 2e6], {}, { device: "cuda0.cuda1" }),
    code("INSUFFICIENT_MEMORY", /free are 2000000 on cuda0, 2000000 on cuda1/),
  );
});

Deno.test("gpu_layers = fit takes the layers that fit, on one GPU or several, and main memory", () => {
  const settings = { gpu_layers: "fit" } as const;
  assert.equal(plan([20e6], { settings }).gpuLayers, null, "all of them");
  const one = plan([5e6], { settings });
  assert.equal(one.gpuLayers, 4);
  assert.deepEqual(one.claims.map(({ device }) => device), ["cuda0", "cpu"]);
  assert.equal(one.hostBytes, 5e6);
  const two = plan([4e6, 3e6], { settings });
  assert.deepEqual([two.device.id, two.gpuLayers], ["cuda0.cuda1", 5]);
  assert.deepEqual(two.split?.layers, [3, 2]);
  assert.equal(plan([5e6], { settings }, { device: "cpu" }).gpuLayers, null);
  assert.equal(plan([5e6], {}, { gpu_layers: "fit" }).gpuLayers, 4);
  const full = { ...CPU, free_bytes: 1e6 };
  const devices = [gpu(0, 5e6), full];
  assert.throws(() => plan([], { settings, devices }), code("INSUFFICIENT_MEMORY", /on cpu/));
});

Deno.test("experts in main memory need no room on the GPU, and none is counted twice on the CPU", () => {
  const models = [{ ...MODEL, cpu_weight_bytes: 8e6 }];
  const { device, hostBytes, claims } = plan([3e6], { models });
  assert.deepEqual([device.id, hostBytes, claims.length], ["cuda0", 8e6, 2]);
  const onCpu = plan([], { models });
  assert.equal(onCpu.estimateBytes, estimateMemory(MODEL, { context: 256, slots: 1 }));
});

/** What the engine says of the load on one GPU. */
const said = (device_bytes: number, changes: Partial<EngineFigure> = {}): EngineFigure => ({
  ...{ device_kind: "cuda", context: 256, slots: 1, gpu_layers: null },
  ...{ device_bytes, host_bytes: 0, ...changes },
});

Deno.test("what the engine says decides whether a load goes to one GPU or to several", () => {
  const known = { measured: [], said: [said(15e6, { host_bytes: 2e6 })] };
  const { device, claims } = plan([12e6, 12e6], { known });
  assert.equal(device.id, "cuda0.cuda1", "the formula says 10 MB");
  const [first, second, host] = claims;
  assert.ok(Math.abs(first!.bytes + second!.bytes - (15e6 + 0.9 / 9.9 * 15e6)) < 1e6);
  assert.deepEqual(host, { device: "cpu", bytes: 2e6 });
  assert.throws(
    () => plan([20e6], { known, devices: [gpu(0, 20e6), { ...CPU, free_bytes: 1e6 }] }),
    code("INSUFFICIENT_MEMORY", /on cpu: it needs 2000000 bytes .* as llama\.cpp says/),
  );
});

Deno.test("a load on several GPUs claims on each of them what the engine says of that division", () => {
  const { split } = plan([8e6, 8e6]);
  const shares = [5e6, 6e6];
  const figure = said(11e6, { split: { ...split!, layers: [...split!.layers] } });
  const known = { measured: [], said: [{ ...figure, device_shares: shares, host_bytes: 1e6 }] };
  const made = plan([8e6, 8e6], { known });
  assert.deepEqual(made.split, split);
  assert.deepEqual(made.claims.map(({ bytes }) => bytes), [5e6, 6e6, 1e6]);
  assert.deepEqual([made.estimateBytes, made.hostBytes], [11e6, 1e6]);
  assert.throws(() => plan([8e6, 4e6], { known }), code("INSUFFICIENT_MEMORY"));
});

Deno.test("gpu_layers = fit counts what the engine says of a number of layers", () => {
  const settings = { gpu_layers: "fit" } as const;
  const known = { measured: [], said: [said(5.5e6, { gpu_layers: 4 })] };
  const { gpuLayers, claims } = plan([5e6], { settings, known });
  assert.equal(gpuLayers, 3, "the formula says 4");
  assert.ok(claims[0]!.bytes <= 5e6);
});

const load = fc.record({
  layers: fc.integer({ min: 1, max: 60 }),
  bytes: fc.integer({ min: 1, max: 30e6 }),
  kept: fc.double({ min: 0, max: 1, noNaN: true }),
  split: fc.constantFrom("layer", "row", "none"),
  gpuLayers: fc.oneof(fc.constant(undefined), fc.constant("fit"), fc.integer({ min: 0, max: 61 })),
  ratio: fc.option(fc.constantFrom("1,1", "3,1", "1,2,1"), { nil: undefined, freq: 4 }),
  /** The place that is named, as a set of devices. */
  named: fc.option(fc.integer({ min: 1, max: 15 }), { nil: undefined }),
  /** Which of the workers end before it. */
  ends: fc.nat({ max: 15 }),
});

Deno.test("whatever is loaded and ends on 2 to 4 GPUs, none is overcommitted and no part is claimed", () =>
  fc.assert(fc.property(
    fc.array(fc.integer({ min: 2e6, max: 20e6 }), { minLength: 2, maxLength: 4 }),
    fc.array(load, { minLength: 1, maxLength: 12 }),
    (sizes, loads) => {
      let running: Commitment[][] = [];
      const heldOn = (id: string) =>
        running.flat().filter(({ device }) => device === id)
          .reduce((sum, { committed }) => sum + committed, 0);
      const all = [...sizes.map((bytes, number) => gpu(number, bytes)), CPU];
      for (const { layers, bytes, kept, split, gpuLayers, ratio, named, ends } of loads) {
        running = running.filter((_, index) => (ends >> index & 1) === 0);
        const devices = all.map((device) => ({
          ...device,
          free_bytes: device.total_bytes - heldOn(device.id),
        }));
        const models = [{
          ...{ ...MODEL, weight_bytes: bytes, block_count: layers },
          cpu_weight_bytes: Math.floor(bytes * kept),
        }];
        const place = sizes.flatMap((_, number) =>
          named !== undefined && named >> number & 1 ? [`cuda${number}`] : []
        ).join(".");
        const settings = {
          ...{ split: split as "layer", gpu_layers: gpuLayers as "fit" | number | undefined },
          split_ratio: ratio,
        };
        try {
          const made = plan(sizes, { devices, models, settings, workers: running.flat() }, {
            ...(place === "" ? {} : { device: place }),
          });
          // Every device of the place, each once, and main memory if the rest is there.
          const ids = made.claims.map(({ device }) => device);
          assert.deepEqual(ids.filter((id) => id !== "cpu"), made.device.id.split("."));
          assert.equal(new Set(ids).size, ids.length);
          if (made.split) {
            const held = made.split.layers.reduce((sum, each) => sum + each, 0);
            assert.equal(held, Math.min(made.gpuLayers ?? Infinity, layers + 1));
            assert.notEqual(split, "none");
          }
          running.push(
            made.claims.map(({ device, bytes }) => ({ device, committed: bytes, held: bytes })),
          );
        } catch (error) {
          assert.ok(error instanceof LlorchError, String(error));
          assert.ok(["INSUFFICIENT_MEMORY", "INVALID_REQUEST"].includes(error.code), error.message);
        }
        for (const { id, total_bytes } of all) assert.ok(heldOn(id) <= total_bytes, id);
      }
    },
  )));
