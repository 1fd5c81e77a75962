import assert from "node:assert/strict";
import fc from "fast-check";
import type { Device, PoolModel, PoolWorker } from "#shared/contracts/mod.ts";
import { A, B, done, kinds, MIB, model, pool, Run, submit, worker } from "../testing/scheduler.ts";
import { fits } from "./fits.ts";
import { planLoad } from "./placement.ts";
import { sitesOf } from "./sites.ts";
import { anywhere, type Effect, type Spawn } from "./state.ts";

const gpu = (number: number, mib: number, free = mib): Device => ({
  ...{ id: `cuda${number}`, kind: "cuda", name: "simulated" },
  ...{ total_bytes: mib * MIB, free_bytes: free * MIB },
});
const cpu = (mib: number): Device => ({
  ...{ id: "cpu", kind: "cpu", name: "cpu", asked_only: true },
  ...{ total_bytes: mib * MIB, free_bytes: mib * MIB },
});

type Load = NonNullable<PoolModel["default_load"]>;

/** A model of which 10 layers may be divided; what computes takes 10 MiB on each device. */
function divisible(fingerprint: string, mib: number, more: Partial<Load> = {}): PoolModel {
  const split = { layers: 10, layer_bytes: (mib - 10) * MIB, each_bytes: 10 * MIB };
  const device_bytes = { cuda: mib * MIB, cpu: mib * MIB };
  const load = { context: 100, slots: 1, device_bytes, host_bytes: 0, split, ...more };
  return { ...model(fingerprint), default_load: load };
}

function runWith(
  devices: readonly Device[],
  models: readonly PoolModel[],
  workers: PoolWorker[] = [],
): Run {
  const run = new Run();
  run.at(0, pool(workers, { devices, models: [...models] }), { kind: "tick" });
  return run;
}

const spawned = (effects: readonly Effect[]): Spawn | undefined =>
  effects.find((effect) => effect.kind === "spawn")?.spawn;
const mibOf = (spawn: Spawn | undefined) =>
  Object.fromEntries((spawn?.claims ?? []).map(({ device, bytes }) => [device, bytes / MIB]));

Deno.test("a model goes to one device that holds it, though several may", () => {
  const run = runWith([gpu(0, 300, 100), gpu(1, 300)], [divisible(A, 200)]);
  const spawn = spawned(run.at(1, submit("j", 1)));
  assert.deepEqual([spawn?.device, mibOf(spawn)], ["cuda1", { cuda1: 200 }]);
});

Deno.test("a model that no device holds goes to the fewest with most room, claimed on each", () => {
  const run = runWith([gpu(0, 120), gpu(1, 200), gpu(2, 200), cpu(9_000)], [divisible(A, 310)]);
  const spawn = spawned(run.at(1, submit("j", 1)));
  assert.deepEqual([spawn?.device, mibOf(spawn)], [
    "cuda1.cuda2",
    { cuda1: 160, cuda2: 160 },
  ]);
  // What it takes counts on both until its pool reports it.
  const free = sitesOf(run.state, A).map(({ device, free }) => [device.id, free / MIB]);
  assert.deepEqual(Object.fromEntries(free).cuda2, 40);
});

Deno.test("a model that may not be divided never fits on devices that are too small", () => {
  const { split: _, ...load } = divisible(A, 310).default_load!;
  const run = runWith([gpu(0, 200), gpu(1, 200)], [{ ...model(A), default_load: load }]);
  const [effect] = run.at(1, submit("j", 1));
  assert.ok(effect?.kind === "fail" && effect.error.code === "INSUFFICIENT_MEMORY");
  assert.match(effect.error.message, /needs about 310 MiB and the largest device/);
});

Deno.test("idle workers are stopped on every device that lacks room, and no other", () => {
  const idle = (id: string, device: string, mib: number) =>
    worker(id, B, { device, memory_bytes: mib * MIB });
  const devices = [gpu(0, 200, 50), gpu(1, 200, 40), gpu(2, 100, 0)];
  const workers = [idle("w0", "cuda0", 150), idle("w1", "cuda1", 160), idle("w2", "cuda2", 100)];
  const run = runWith(devices, [divisible(A, 350), model(B)], workers);
  const effects = run.at(5_000, submit("j", 5_000));
  const stopped = effects.flatMap((effect) =>
    effect.kind === "stop_worker" ? [effect.workerId] : []
  );
  assert.deepEqual(stopped.sort(), ["w0", "w1"]);
  assert.deepEqual(mibOf(spawned(effects)), { cuda0: 180, cuda1: 180 });
});

Deno.test("a worker on several devices takes memory on each, and frees all of it when it ends", () => {
  const both = worker("w0", B, {
    ...{ device: "cuda0.cuda1", memory_bytes: 300 * MIB },
    shares: { cuda0: 100 * MIB, cuda1: 200 * MIB },
  });
  const devices = [gpu(0, 300), gpu(1, 300)];
  const run = runWith(devices, [divisible(A, 250), model(B)], [both]);
  const free = () =>
    Object.fromEntries(sitesOf(run.state, A).map(({ device, free }) => [device.id, free / MIB]));
  assert.deepEqual(free(), { cuda0: 200, cuda1: 100 });
  // It is idle: it goes as a whole, for a model that needs one of its devices.
  const effects = run.at(5_000, submit("j", 5_000));
  assert.deepEqual(kinds(effects).sort(), ["spawn", "stop_worker"]);
  run.at(5_001, pool([], { devices, models: [divisible(A, 250), model(B)] }));
  assert.deepEqual(free(), { cuda0: 50, cuda1: 300 });
});

Deno.test("a place of several devices can be named, and is shown with the model's fit", () => {
  const run = runWith([gpu(0, 300), gpu(1, 300)], [divisible(A, 200)]);
  const place = { fingerprint: A, poolId: "p1", device: "cuda0.cuda1" };
  const spawn = spawned(run.at(1, { kind: "load", place }));
  assert.deepEqual([spawn?.device, Object.keys(mibOf(spawn))], ["cuda0.cuda1", [
    "cuda0",
    "cuda1",
  ]]);
  const held = worker("w", A, { device: "cuda0.cuda1", request_id: spawn!.requestId });
  run.at(2, pool([held], { devices: [gpu(0, 300), gpu(1, 300)], models: [divisible(A, 200)] }));
  const shown = fits(run.state, A, 2).map(({ device, fits }) => `${device} ${fits}`);
  assert.deepEqual(shown, ["cuda0 now", "cuda1 now", "cuda0.cuda1 loaded"]);
});

Deno.test("gpu_layers = fit loads a part where the whole does not fit, and claims main memory", () => {
  const fit = { device_bytes: 20 * MIB, host_bytes: 380 * MIB };
  const models = (
    more: Partial<Load> = {},
  ) => [divisible(A, 400, { fit, split: undefined, ...more })];
  const run = runWith([gpu(0, 210), cpu(1_000)], models());
  const spawn = spawned(run.at(1, submit("j", 1)));
  assert.deepEqual([spawn?.device, mibOf(spawn)], ["cuda0", { cuda0: 210, cpu: 190 }]);
  const small = runWith([gpu(0, 210), cpu(100)], models());
  const [effect] = small.at(1, submit("j", 1));
  assert.ok(effect?.kind === "fail" && effect.error.code === "INSUFFICIENT_MEMORY");
  const { split } = divisible(A, 400).default_load!;
  const two = runWith([gpu(0, 110), gpu(1, 120), cpu(1_000)], models({ split }));
  assert.equal(spawned(two.at(1, submit("j", 1)))?.device, "cuda0.cuda1");
});

const anyPool = fc.record({
  devices: fc.array(fc.integer({ min: 100, max: 400 }), { minLength: 2, maxLength: 4 }),
  models: fc.array(fc.integer({ min: 20, max: 900 }), { minLength: 1, maxLength: 6 }),
});

Deno.test("loads of many models on 2 to 4 GPUs never claim more than each has, nor a part of a place", () =>
  fc.assert(fc.property(anyPool, ({ devices, models }) => {
    const gpus = devices.map((mib, number) => gpu(number, mib));
    const all = models.map((mib, index) => divisible(String(index).repeat(64), mib));
    const run = runWith(gpus, all);
    for (const [index, { fingerprint, default_load }] of all.entries()) {
      const plan = planLoad(run.state, anywhere(fingerprint), 0, 1);
      const spawn = spawned(run.at(1, submit(`j${index}`, 1, { fingerprint })));
      assert.equal(plan.kind === "spawn", spawn !== undefined);
      if (!spawn) continue;
      assert.deepEqual(spawn.claims.map(({ device }) => device), spawn.device.split("."));
      const { split, device_bytes } = default_load!;
      const taken = spawn.claims.reduce((sum, { bytes }) => sum + bytes, 0);
      const needed = spawn.claims.length === 1
        ? device_bytes.cuda!
        : split!.layer_bytes + spawn.claims.length * split!.each_bytes;
      assert.ok(taken >= needed && taken <= needed + spawn.claims.length, "the whole is claimed");
      const mostOnOne = Math.max(...devices) * MIB;
      assert.equal(spawn.claims.length > 1, device_bytes.cuda! > mostOnOne);
    }
    const spawns = [...run.state.spawns.values()].flatMap(({ claims }) => claims);
    for (const { id, total_bytes } of gpus) {
      const claimed = spawns.filter(({ device }) => device === id)
        .reduce((sum, { bytes }) => sum + bytes, 0);
      assert.ok(claimed <= total_bytes, `${id} is overcommitted`);
    }
  })));

Deno.test("a model on two devices serves jobs like any other", () => {
  const devices = [gpu(0, 200), gpu(1, 200)];
  const models = [divisible(A, 300)];
  const run = runWith(devices, models);
  const { requestId } = spawned(run.at(1, submit("j", 1)))!;
  const ready = worker("w", A, {
    ...{ device: "cuda0.cuda1", request_id: requestId, memory_bytes: 300 * MIB },
    shares: { cuda0: 150 * MIB, cuda1: 150 * MIB },
  });
  assert.deepEqual(kinds(run.at(2, pool([ready], { devices, models }))), ["loaded", "dispatch"]);
  run.at(3, done("j"));
  assert.deepEqual(kinds(run.at(4, submit("k", 4))), ["dispatch"]);
});

/** A model that a server elsewhere serves. */
function elsewhereModel(fingerprint: string): PoolModel {
  const elsewhere = { host: "gpu.example.org", is_outside: true, slots: 2 };
  const device_bytes = { cuda: 0, cpu: 0 };
  return {
    ...model(fingerprint),
    elsewhere,
    default_load: { context: 100, slots: 2, device_bytes, host_bytes: 0 },
  };
}

Deno.test("a model of a server elsewhere has one place, the CPU, whatever is free and used there", () => {
  const used = { ...cpu(300), free_bytes: 0 };
  const run = runWith([gpu(0, 300), used], [elsewhereModel(A), model(B)], [
    worker("w1", B, { memory_bytes: 500 * MIB }),
  ]);
  assert.deepEqual(fits(run.state, A, 1).map(({ device, fits }) => [device, fits]), [[
    "cpu",
    "now",
  ]]);
  const spawn = spawned(run.at(1, submit("j", 1)));
  assert.deepEqual([spawn?.device, spawn?.claims], ["cpu", []]);
});

Deno.test("a worker in front of a server elsewhere is not stopped to make room", () => {
  const devices = [{ ...cpu(150), free_bytes: 50 * MIB }];
  const models = [elsewhereModel(A), model(B)];
  const workers = [
    worker("w1", A, { memory_bytes: 0 }),
    worker("w2", "c".repeat(64), { memory_bytes: 100 * MIB }),
  ];
  const run = runWith(devices, models, workers);
  run.at(100_000, pool(workers, { devices, models }));
  const plan = planLoad(run.state, { ...anywhere(B), device: "cpu" }, 0, 100_000);
  assert.ok(plan.kind === "evict", plan.kind);
  assert.deepEqual(plan.victims.map(({ report }) => report.worker_id), ["w2"]);
});
