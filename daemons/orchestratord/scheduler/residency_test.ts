import assert from "node:assert/strict";
import {
  A,
  B,
  dispatched,
  done,
  kinds,
  MIB,
  model,
  pool,
  Run,
  submit,
  worker,
} from "../testing/scheduler.ts";
import { expectedEnd, notPreloaded } from "./residency.ts";
import { anywhere, type Effect, type Input, type Policy } from "./state.ts";

const TICK: Input = { kind: "tick" };

/** A device with room for one of the models. */
const SMALL = {
  devices: [{
    id: "cpu",
    kind: "cpu" as const,
    name: "cpu",
    total_bytes: 150 * MIB,
    free_bytes: 50 * MIB,
  }],
};

function stops(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) =>
    effect.kind === "stop_worker" ? [`${effect.workerId} ${effect.reason}`] : []
  );
}

Deno.test("an eviction and the load that uses its memory are ordered together", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)], SMALL));
  const effects = run.at(600, submit("j1", 600, { fingerprint: B, model: "b" }));
  assert.deepEqual(kinds(effects), ["stop_worker", "spawn"]);
  assert.deepEqual(kinds(run.at(601, TICK)), [], "the memory is given only once");
});

Deno.test("memory that only seems free does not keep a worker from being evicted", () => {
  const run = new Run();
  const mapped = { devices: [{ ...SMALL.devices[0]!, free_bytes: 140 * MIB }] };
  run.at(0, pool([worker("w1", A)], mapped));
  const effects = run.at(600, submit("j1", 600, { fingerprint: B, model: "b" }));
  assert.deepEqual(kinds(effects), ["stop_worker", "spawn"]);
});

Deno.test("a swap is reported with its duration when the new worker is ready", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)], SMALL));
  run.at(600, submit("j1", 600, { fingerprint: B, model: "b" }));
  const [spawn] = run.state.spawns.values();
  const ready = worker("w2", B, { request_id: spawn!.requestId });
  const effects = run.at(900, pool([ready], SMALL));
  const loaded = effects.find((effect) => effect.kind === "loaded");
  assert.deepEqual([loaded?.tookMs, loaded?.spawn.isSwap], [300, true]);
});

Deno.test("unload lets a busy worker finish its job, gives it no other, and stops it", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A, { slots: 2 })]), submit("j1", 0));
  assert.deepEqual(kinds(run.at(1, { kind: "unload", place: anywhere(A) })), []);
  assert.deepEqual(dispatched(run.at(2, submit("j2", 2))), [], "not to the worker that leaves");
  run.at(3, done("j1"));
  assert.deepEqual(stops(run.at(4, TICK)), ["w1 unload"]);
});

Deno.test("unload stops an idle worker at once, and only on the requested pool", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A, { device: "cuda0" }), worker("w2", A), worker("w3", B)]));
  const place = { fingerprint: A, poolId: "p1", device: "cpu" };
  assert.deepEqual(stops(run.at(1, { kind: "unload", place })), ["w2 unload"]);
});

Deno.test("unload of a loading model stops its worker, which does not count as a failed start", () => {
  const run = new Run();
  run.at(0, pool([]), { kind: "load", place: anywhere(A) });
  const [spawn] = run.state.spawns.values();
  run.at(1, { kind: "unload", place: anywhere(A) });
  run.at(2, { kind: "spawn_accepted", requestId: spawn!.requestId, workerId: "w1" });
  const loading = worker("w1", A, { request_id: spawn!.requestId, state: "loading" });
  assert.deepEqual(stops(run.at(3, pool([loading]), TICK)), ["w1 unload"]);
  run.at(4, pool([], { exits: [{ worker_id: "w1" }] }));
  assert.equal(run.state.spawns.size + run.state.breakers.size + run.state.wishes.size, 0);
});

Deno.test("a load on a requested device happens even if another device has the model", () => {
  const run = new Run();
  const devices = ["cuda0", "cuda1"].map((id) => ({
    ...{ id, kind: "cuda" as const, name: id, total_bytes: 300 * MIB, free_bytes: 300 * MIB },
  }));
  run.at(0, pool([worker("w1", A, { device: "cuda0" })], { devices }));
  const place = { fingerprint: A, poolId: undefined, device: "cuda1" };
  const effects = run.at(1, { kind: "load", place });
  assert.equal(effects[0]?.kind === "spawn" && effects[0].spawn.device, "cuda1");
  assert.deepEqual(kinds(run.at(2, TICK)), [], "once");
});

Deno.test("a pinned worker is not evicted: the error of a model that needs its memory names the pin", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A, { model_ref: "the-pinned" })], SMALL));
  run.at(1, { kind: "pin", pin: { ...anywhere(A), model: "a" } });
  const effects = run.at(5_000, submit("j1", 5_000, { fingerprint: B, model: "b" }));
  assert.deepEqual(kinds(effects), ["fail"]);
  const { error } = effects[0] as Extract<Effect, { kind: "fail" }>;
  assert.equal(error.code, "INSUFFICIENT_MEMORY");
  assert.match(error.message, /100 MiB \(the-pinned\); unpin/);
  run.at(5_001, { kind: "unpin", place: anywhere(A) });
  const now = run.at(5_002, submit("j2", 5_002, { fingerprint: B, model: "b" }));
  assert.deepEqual(stops(now), ["w1 evict"]);
});

Deno.test("a pin at another place does not keep a worker", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)], SMALL));
  run.at(1, { kind: "pin", pin: { ...anywhere(A), poolId: "p2", model: "a" } });
  const effects = run.at(5_000, submit("j1", 5_000, { fingerprint: B, model: "b" }));
  assert.deepEqual(stops(effects), ["w1 evict"]);
});

Deno.test("a worker without a job is stopped after its model's time, a busy or pinned one never", () => {
  const run = new Run({ idleTtlMs: 1_000, idleTtlOf: new Map([["b", 3_000]]) });
  const C = "c".repeat(64);
  const workers = [worker("w1", A), worker("w2", B), worker("w3", C)];
  const models = [model(A), model(B), model(C)];
  const report = () => pool(workers, { models });
  run.at(0, report(), { kind: "pin", pin: { ...anywhere(C), model: "c" } }, submit("j1", 0));
  assert.deepEqual(stops(run.at(1_500, report(), TICK)), [], "w1 has a job, w2 more time");
  run.at(1_500, done("j1"));
  assert.deepEqual(stops(run.at(2_499, report(), TICK)), []);
  assert.deepEqual(stops(run.at(2_500, report(), TICK)), ["w1 idle"]);
  assert.deepEqual(stops(run.at(3_000, report(), TICK)), ["w2 idle"]);
  assert.deepEqual(stops(run.at(9_000, report(), TICK)), []);
});

/** A run with a worker that was started for a job, or because an operator wished for its model. */
function loadedFor(wish: "job" | "operator", policy: Partial<Policy> = {}) {
  const run = new Run(policy);
  run.at(0, pool([]));
  run.at(
    0,
    wish === "job" ? submit("first", 0, { keepMs: 100 }) : { kind: "load", place: anywhere(A) },
  );
  const [spawn] = run.state.spawns.values();
  const report = () => pool([worker("w1", A, { request_id: spawn!.requestId })]);
  run.at(1, report());
  if (wish === "job") run.at(2, done("first"));
  return { run, tick: (now: number) => stops(run.at(now, report(), TICK)) };
}

Deno.test("a worker leaves when its clients say, if nobody else wants it", () => {
  const own = loadedFor("job");
  own.run.at(10, submit("j1", 10, { keepMs: 1_000 }));
  own.run.at(20, done("j1"));
  own.run.at(30, submit("j2", 30, { keepMs: 100 }));
  own.run.at(40, done("j2"));
  assert.deepEqual(own.tick(1_019), [], "the shorter one does not shorten the longer one");
  assert.deepEqual(own.tick(1_020), ["w1 idle"]);

  const shared = loadedFor("job", { idleTtlMs: 5_000 });
  shared.run.at(10, submit("plain", 10));
  shared.run.at(20, done("plain"));
  assert.deepEqual(shared.tick(5_019), []);
  assert.deepEqual(shared.tick(5_020), ["w1 idle"]);

  const forever = loadedFor("job");
  forever.run.at(10, submit("plain", 10));
  forever.run.at(20, done("plain"));
  assert.deepEqual(
    forever.tick(1e9),
    [],
    "a job that did not say how long wants what is configured",
  );

  const wished = loadedFor("operator");
  wished.run.at(10, submit("j1", 10, { keepMs: 100 }));
  wished.run.at(20, done("j1"));
  assert.deepEqual(wished.tick(1e9), [], "an operator wanted it");

  const longer = loadedFor("operator", { idleTtlMs: 100 });
  longer.run.at(10, submit("j1", 10, { keepMs: 1_000 }));
  longer.run.at(20, done("j1"));
  assert.deepEqual(longer.tick(1_019), []);
  assert.deepEqual(longer.tick(1_020), ["w1 idle"]);
});

Deno.test("a worker that its last client wants away leaves at once, unless it is pinned", () => {
  const { run, tick } = loadedFor("operator");
  run.at(10, submit("j1", 10, { keepMs: 0 }));
  run.at(20, done("j1"));
  assert.deepEqual(tick(21), ["w1 unload"]);
  const pinned = loadedFor("operator");
  pinned.run.at(5, { kind: "pin", pin: { ...anywhere(A), model: "a" } });
  pinned.run.at(10, submit("j1", 10, { keepMs: 0 }));
  pinned.run.at(20, done("j1"));
  assert.deepEqual(pinned.tick(21), []);
});

Deno.test("a model to preload is loaded when a pool comes with it, and again when it crashed", () => {
  const run = new Run({ preload: ["a", "nowhere"] });
  assert.deepEqual(kinds(run.at(0, pool([]))), ["spawn"]);
  const [spawn] = run.state.spawns.values();
  const there = worker("w1", A, { request_id: spawn!.requestId });
  run.at(1, pool([there]));
  assert.equal(run.state.wishes.size, 0);
  assert.deepEqual(kinds(run.at(2, pool([]))), ["spawn"], "it crashed");
});

Deno.test("a model to preload that an operator unloaded stays away, and evicts nothing", () => {
  const run = new Run({ preload: ["a"] });
  run.at(0, pool([worker("w1", A)]));
  run.at(1, { kind: "unload", place: anywhere(A) });
  assert.deepEqual(kinds(run.at(2, pool([]), TICK)), []);

  const full = new Run({ preload: ["a"] });
  assert.deepEqual(kinds(full.at(0, pool([worker("w1", B)], SMALL))), []);
  assert.deepEqual(kinds(full.at(60_000, pool([worker("w1", B)], SMALL), TICK)), []);
  const room = { devices: [{ ...SMALL.devices[0]!, free_bytes: 150 * MIB }] };
  assert.deepEqual(kinds(full.at(60_001, pool([], room))), ["spawn"], "once there is room");
});

Deno.test("a model to preload obeys the circuit breaker, and is tried again after its pause", () => {
  const run = new Run({ preload: ["a"], breakerFailures: 2, breakerOpenMs: 1_000 });
  run.at(0, pool([]));
  const fail = (now: number) => {
    const [spawn] = run.state.spawns.values();
    return run.at(now, { kind: "spawn_failed", requestId: spawn!.requestId, message: "broken" });
  };
  assert.deepEqual(
    kinds(fail(1)),
    ["load_failed", "spawn"],
    "the first failure is tried again at once",
  );
  assert.deepEqual(kinds(fail(2)), ["load_failed"]);
  assert.deepEqual(kinds(run.at(900, TICK)), []);
  assert.deepEqual(kinds(run.at(1_100, TICK)), ["spawn"]);
});

Deno.test("a model to preload that is missing or ambiguous has a reason why nothing is loaded", () => {
  const run = new Run({ preload: ["a", "nowhere", "b"] });
  run.at(0, pool([]));
  assert.deepEqual([...notPreloaded(run.state)], [[
    "nowhere",
    "no known pool has it",
  ]]);
  const other = { ...model("c".repeat(64)), aliases: ["b"] };
  run.at(1, pool([], { id: "p2", instanceId: "i2", models: [other] }));
  assert.deepEqual([...notPreloaded(run.state).keys()], ["nowhere", "b"]);
});

Deno.test("a worker's expected end is when it leaves, as if its work ended now", () => {
  const endsAt = ({ state }: Run, now: number) => expectedEnd(state, state.workers.get("w1")!, now);
  const plain = new Run({ idleTtlMs: 1_000 });
  plain.at(0, pool([worker("w1", A)]));
  assert.equal(endsAt(plain, 300), 1_000);
  plain.at(400, submit("j1", 400));
  assert.equal(endsAt(plain, 700), 1_700, "it has work");
  plain.at(800, done("j1"));
  assert.equal(endsAt(plain, 900), 1_800);
  assert.equal(endsAt(plain, 9_000), 9_000, "it is due");
  plain.at(900, { kind: "pin", pin: { ...anywhere(A), model: "a" } });
  assert.equal(endsAt(plain, 950), Infinity);
  plain.at(1_000, { kind: "unpin", place: anywhere(A) }, submit("j2", 1_000));
  plain.at(1_001, { kind: "unload", place: anywhere(A) });
  assert.equal(endsAt(plain, 1_002), 1_002, "it is leaving");

  const own = loadedFor("job").run;
  assert.equal(endsAt(own, 50), 102);
  own.at(60, submit("j1", 60, { keepMs: 5_000 }));
  assert.equal(endsAt(own, 70), 5_070);
  own.at(80, done("j1"));
  assert.equal(endsAt(own, 90), 5_080);
  own.at(100, submit("j2", 100));
  assert.equal(endsAt(own, 110), Infinity, "nothing is configured, and a job did not say how long");
});
