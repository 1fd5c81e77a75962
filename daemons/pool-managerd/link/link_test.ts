import assert from "node:assert/strict";
import { systemClock } from "#shared/clock.ts";
import type { PoolState, WorkerExit } from "#shared/contracts/pool.ts";
import { LlorchError } from "#shared/errors.ts";
import { createClient } from "#shared/http/client.ts";
import { poolConfig } from "../config.ts";
import { createInstruments } from "../instruments.ts";
import { fakeOrchestrator, type Told } from "../testdata/fake_orchestrator.ts";
import { recordingLogger } from "../testdata/log.ts";
import { poolModel } from "../testdata/records.ts";
import { Link } from "./link.ts";

const registered = (told: Told) => told.kind === "register";
const beat = (told: Told) => told.kind === "heartbeat";
const EXIT: WorkerExit = {
  worker_id: "w-1",
  exit_code: 1,
  signal: null,
  category: "crash",
  at: "2026-01-01T00:00:00.000Z",
};

function setup(url: string) {
  const log = recordingLogger();
  const pool: { -readonly [K in keyof PoolState]: PoolState[K] } = {
    pool_id: "p",
    instance_id: "i-1",
    endpoint: "http://127.0.0.1:9200",
    version: "0",
    models_revision: 1,
    devices: [],
    models: [poolModel()],
    workers: [],
    exits: [],
  };
  const twins = Promise.withResolvers<void>();
  const link = new Link({
    client: createClient({ baseUrl: url, timeoutMs: 2_000 }),
    config: poolConfig.parse({
      orchestrator: {
        backoff_ms: 5,
        backoff_max_ms: 20,
        deregister_timeout_ms: 50,
        twin_patience_ms: 100,
      },
    }).orchestrator,
    heartbeat: { interval_ms: 60_000, coalesce_ms: 20 },
    state: () => Promise.resolve({ ...pool }),
    acknowledge: (ids) => {
      pool.exits = pool.exits.filter((exit) => !ids.includes(exit.worker_id));
    },
    onTwin: () => twins.resolve(),
    clock: systemClock,
    log,
    instruments: createInstruments(),
  });
  return { link, pool, log, twin: twins.promise };
}

Deno.test("a pool registers, then reports at the interval that the orchestrator names", async () => {
  const orchestrator = await fakeOrchestrator();
  const { link } = setup(orchestrator.url);
  link.start();
  await orchestrator.next(registered);
  const beats = [await orchestrator.next(beat), await orchestrator.next(beat)];
  assert.deepEqual(beats.map((told) => "sequence" in told.body && told.body.sequence), [1, 2]);
  assert.ok(link.isRegistered);
  await link.close(true);
  assert.equal(orchestrator.told.at(-1)?.kind, "deregister");
  await orchestrator.close();
});

Deno.test("models travel only when their revision has changed", async () => {
  const orchestrator = await fakeOrchestrator();
  const { link, pool } = setup(orchestrator.url);
  link.start();
  const first = await orchestrator.next(beat);
  assert.ok(!("models" in first.body));
  pool.models_revision = 2;
  const changed = await orchestrator.next((told) => "models" in told.body);
  assert.equal("models_revision" in changed.body && changed.body.models_revision, 2);
  const after = await orchestrator.next(beat);
  assert.ok(!("models" in after.body));
  await link.close(false);
  assert.notEqual(orchestrator.told.at(-1)?.kind, "deregister");
  await orchestrator.close();
});

Deno.test("a change is told at once, and changes together make one heartbeat", async () => {
  const orchestrator = await fakeOrchestrator();
  orchestrator.answers.intervalMs = 60_000;
  const { link, pool } = setup(orchestrator.url);
  link.start();
  await orchestrator.next(registered);
  pool.exits = [EXIT];
  for (let n = 0; n < 10; n++) link.changed();
  const told = await orchestrator.next(beat);
  assert.deepEqual("exits" in told.body && told.body.exits, [EXIT]);
  await link.close(true);
  const kinds = orchestrator.told.map((each) => each.kind);
  assert.deepEqual(kinds, ["register", "heartbeat", "heartbeat", "deregister"]);
  await orchestrator.close();
});

Deno.test("an exit is repeated until it is acknowledged", async () => {
  const orchestrator = await fakeOrchestrator();
  orchestrator.answers.acknowledge = false;
  const { link, pool } = setup(orchestrator.url);
  pool.exits = [EXIT];
  link.start();
  const exitsOf = (told: Told) => "exits" in told.body ? told.body.exits.length : -1;
  assert.equal(exitsOf(await orchestrator.next(registered)), 1);
  assert.equal(exitsOf(await orchestrator.next(beat)), 1);
  orchestrator.answers.acknowledge = true;
  await orchestrator.next((told) => beat(told) && exitsOf(told) === 0);
  await link.close(false);
  await orchestrator.close();
});

Deno.test("an orchestrator that has forgotten the pool is told all again", async () => {
  const orchestrator = await fakeOrchestrator();
  const { link } = setup(orchestrator.url);
  link.start();
  await orchestrator.next(beat);
  orchestrator.answers.refuse.heartbeat = new LlorchError("NOT_FOUND", "Cannot find the pool");
  await orchestrator.next(beat);
  orchestrator.answers.refuse.heartbeat = undefined;
  await orchestrator.next(registered);
  await orchestrator.next(beat);
  await link.close(false);
  await orchestrator.close();
});

Deno.test("a twin is an error in the log, and the pool keeps trying", async () => {
  const orchestrator = await fakeOrchestrator();
  orchestrator.answers.refuse.register = new LlorchError("CONFLICT", "Cannot register: a twin");
  const { link, log } = setup(orchestrator.url);
  link.start();
  await orchestrator.next(registered);
  await orchestrator.next(registered);
  assert.equal(log.lines[0]?.event, "twin_pool");
  assert.equal(log.lines[0]?.level, "error");
  orchestrator.answers.refuse.register = undefined;
  await orchestrator.next(beat);
  await link.close(true);
  await orchestrator.close();
});

Deno.test("a twin that stays one says so in the end", async () => {
  const orchestrator = await fakeOrchestrator();
  orchestrator.answers.refuse.register = new LlorchError("CONFLICT", "Cannot register: a twin");
  const { link, twin } = setup(orchestrator.url);
  link.start();
  await twin;
  await link.close(true);
  await orchestrator.close();
});

Deno.test("a pool that starts first finds its orchestrator later", async () => {
  const first = await fakeOrchestrator();
  const { port } = first;
  await first.close();
  const { link, log } = setup(first.url);
  link.start();
  const failed = () => log.lines.filter((line) => line.event === "orchestrator_unreachable").length;
  const deadline = performance.now() + 10_000;
  while (failed() < 3 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const orchestrator = await fakeOrchestrator({ port });
  await orchestrator.next(registered);
  await orchestrator.next(beat);
  await link.close(true);
  await orchestrator.close();
  // Only the first failure in a row is worth a warning.
  assert.equal(log.lines.filter((line) => line.level === "warn").length, 1);
});

Deno.test("the goodbye to an orchestrator that hangs is cut short", async () => {
  const orchestrator = await fakeOrchestrator();
  const { link, log } = setup(orchestrator.url);
  orchestrator.answers.intervalMs = 60_000;
  link.start();
  await orchestrator.next(registered);
  link.changed();
  await orchestrator.next(beat);
  orchestrator.answers.hangs = true;
  await link.close(true);
  assert.equal(log.lines.at(-1)?.event, "deregister_failed");
  assert.equal(link.isRegistered, false);
  await orchestrator.close();
});
