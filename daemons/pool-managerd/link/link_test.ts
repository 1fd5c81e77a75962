import assert from "node:assert/strict";
import { systemClock } from "#shared/clock.ts";
import type { PoolState, PoolWorker, WorkerExit } from "#shared/contracts/pool.ts";
import { LlorchError } from "#shared/errors.ts";
import { createClient } from "#shared/http/client.ts";
import { newSecret } from "#shared/secrets.ts";
import { poolConfig } from "../config.ts";
import { createInstruments } from "../instruments.ts";
import { fakeOrchestrator, type PoolCall } from "../testdata/fake_orchestrator.ts";
import { recordingLogger } from "../testdata/log.ts";
import { poolModel } from "../testdata/records.ts";
import { Link } from "./link.ts";

const isRegistration = (call: PoolCall) => call.kind === "register";
const isHeartbeat = (call: PoolCall) => call.kind === "heartbeat";
const EXIT: WorkerExit = {
  worker_id: "w-1",
  exit_code: 1,
  signal: null,
  category: "crash",
  at: "2026-01-01T00:00:00.000Z",
};

function setup(urls: string | readonly string[], deregister_timeout_ms = 10_000) {
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
  let sequence = 0;
  const twins = Promise.withResolvers<void>();
  const link = new Link({
    clients: [urls].flat().map((baseUrl) => createClient({ baseUrl, timeoutMs: 60_000 })),
    config: poolConfig.parse({
      orchestrator: {
        backoff_ms: 5,
        backoff_max_ms: 20,
        deregister_timeout_ms,
        twin_patience_ms: 100,
      },
    }).orchestrator,
    heartbeat: { interval_ms: 60_000, coalesce_ms: 20 },
    state: () => Promise.resolve({ ...pool, sequence: ++sequence }),
    onRetention() {},
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

Deno.test("a pool registers, then reports at the interval that the orchestrator sets", async () => {
  const orchestrator = await fakeOrchestrator();
  const { link } = setup(orchestrator.url);
  link.start();
  await orchestrator.next(isRegistration);
  const beats = [await orchestrator.next(isHeartbeat), await orchestrator.next(isHeartbeat)];
  assert.deepEqual(beats.map((call) => "sequence" in call.body && call.body.sequence), [2, 3]);
  assert.ok(link.isRegistered);
  await link.close(true);
  assert.equal(orchestrator.calls.at(-1)?.kind, "deregister");
  await orchestrator.close();
});

Deno.test("models are sent only when their revision has changed", async () => {
  const orchestrator = await fakeOrchestrator();
  const { link, pool } = setup(orchestrator.url);
  link.start();
  const first = await orchestrator.next(isHeartbeat);
  assert.ok(!("models" in first.body));
  pool.models_revision = 2;
  const changed = await orchestrator.next((call) => "models" in call.body);
  assert.equal("models_revision" in changed.body && changed.body.models_revision, 2);
  const after = await orchestrator.next(isHeartbeat);
  assert.ok(!("models" in after.body));
  await link.close(false);
  assert.notEqual(orchestrator.calls.at(-1)?.kind, "deregister");
  await orchestrator.close();
});

Deno.test("a change is reported at once, and simultaneous changes make one heartbeat", async () => {
  const orchestrator = await fakeOrchestrator();
  orchestrator.answers.intervalMs = 60_000;
  const { link, pool } = setup(orchestrator.url);
  link.start();
  await orchestrator.next(isRegistration);
  pool.exits = [EXIT];
  for (let n = 0; n < 10; n++) link.changed();
  const call = await orchestrator.next(isHeartbeat);
  assert.deepEqual("exits" in call.body && call.body.exits, [EXIT]);
  await link.close(true);
  const kinds = orchestrator.calls.map((each) => each.kind);
  assert.deepEqual(kinds, ["register", "heartbeat", "heartbeat", "deregister"]);
  await orchestrator.close();
});

Deno.test("an exit is repeated until it is acknowledged", async () => {
  const orchestrator = await fakeOrchestrator();
  orchestrator.answers.acknowledge = false;
  const { link, pool } = setup(orchestrator.url);
  pool.exits = [EXIT];
  link.start();
  const exitsOf = (call: PoolCall) => "exits" in call.body ? call.body.exits.length : -1;
  assert.equal(exitsOf(await orchestrator.next(isRegistration)), 1);
  assert.equal(exitsOf(await orchestrator.next(isHeartbeat)), 1);
  orchestrator.answers.acknowledge = true;
  await orchestrator.next((call) => isHeartbeat(call) && exitsOf(call) === 0);
  await link.close(false);
  await orchestrator.close();
});

Deno.test("a pool reports everything again to an orchestrator that has forgotten it", async () => {
  const orchestrator = await fakeOrchestrator();
  const { link } = setup(orchestrator.url);
  link.start();
  await orchestrator.next(isHeartbeat);
  orchestrator.answers.refuse.heartbeat = new LlorchError("NOT_FOUND", "Cannot find the pool");
  await orchestrator.next(isHeartbeat);
  orchestrator.answers.refuse.heartbeat = undefined;
  await orchestrator.next(isRegistration);
  await orchestrator.next(isHeartbeat);
  await link.close(false);
  await orchestrator.close();
});

Deno.test("another pool with the same id is logged as an error, and the pool keeps trying", async () => {
  const orchestrator = await fakeOrchestrator();
  orchestrator.answers.refuse.register = new LlorchError("CONFLICT", "Cannot register: a twin");
  const { link, log } = setup(orchestrator.url);
  link.start();
  await orchestrator.next(isRegistration);
  await orchestrator.next(isRegistration);
  assert.equal(log.lines[0]?.event, "twin_pool");
  assert.equal(log.lines[0]?.level, "error");
  orchestrator.answers.refuse.register = undefined;
  await orchestrator.next(isHeartbeat);
  await link.close(true);
  await orchestrator.close();
});

Deno.test("if another pool keeps the id, the link finally fails with that reason", async () => {
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
  const deadline = performance.now() + 30_000;
  while (failed() < 3 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const orchestrator = await fakeOrchestrator({ port });
  await orchestrator.next(isRegistration);
  await orchestrator.next(isHeartbeat);
  await link.close(true);
  await orchestrator.close();
  // Only the first failure in a row is logged as a warning.
  assert.equal(log.lines.filter((line) => line.level === "warn").length, 1);
});

Deno.test("deregistration at an orchestrator that hangs ends after a short time", async () => {
  const orchestrator = await fakeOrchestrator();
  const { link, log } = setup(orchestrator.url, 50);
  orchestrator.answers.intervalMs = 60_000;
  link.start();
  await orchestrator.next(isRegistration);
  link.changed();
  await orchestrator.next(isHeartbeat);
  orchestrator.answers.hangs = true;
  await link.close(true);
  assert.equal(log.lines.at(-1)?.event, "deregister_failed");
  assert.equal(link.isRegistered, false);
  await orchestrator.close();
});

Deno.test("of a known worker only changes are reported, until the orchestrator requests everything", async () => {
  const orchestrator = await fakeOrchestrator();
  orchestrator.answers.remembers = true;
  const { link, pool } = setup(orchestrator.url);
  const first = poolWorker(1);
  pool.workers = [first];
  link.start();
  try {
    const workersOf = async (of: (call: PoolCall) => boolean) => {
      const { body } = await orchestrator.next(of);
      return "workers" in body ? body.workers : [];
    };
    const short = ({ worker_id, state, active, memory_bytes }: PoolWorker) => ({
      ...{ worker_id, state, active, memory_bytes },
    });
    assert.deepEqual(await workersOf(isRegistration), [first]);
    assert.deepEqual(await workersOf(isHeartbeat), [short(first)]);
    const ready = poolWorker(2);
    const { uri: _, ...second } = ready;
    pool.workers = [first, second];
    assert.deepEqual(await workersOf(isHeartbeat), [short(first), second]);
    pool.workers = [first, ready];
    assert.deepEqual(
      await workersOf(isHeartbeat),
      [short(first), ready],
      "the worker has an address now",
    );
    assert.deepEqual(await workersOf(isHeartbeat), [short(first), short(ready)]);
    orchestrator.answers.refuse.heartbeat = new LlorchError("NOT_FOUND", "register");
    await orchestrator.next(isHeartbeat);
    orchestrator.answers.refuse.heartbeat = undefined;
    assert.deepEqual(await workersOf(isRegistration), [first, ready]);
  } finally {
    await link.close(false);
    await orchestrator.close();
  }
});

Deno.test("a heartbeat of 8 devices and 32 workers has less than 10 KB", async () => {
  const orchestrator = await fakeOrchestrator();
  orchestrator.answers.remembers = true;
  const { link, pool } = setup(orchestrator.url);
  pool.pool_id = "gpu-host-with-a-long-name.datacenter.example.com";
  pool.devices = Array.from({ length: 8 }, (_, n) => ({
    id: `cuda${n}`,
    kind: "cuda" as const,
    name: "NVIDIA RTX 6000 Ada Generation",
    total_bytes: 51_527_024_640,
    free_bytes: 47_012_345_678 + n,
  }));
  pool.workers = Array.from({ length: 32 }, (_, n) => poolWorker(n));
  link.start();
  try {
    await orchestrator.next(isRegistration);
    const { body } = await orchestrator.next(isHeartbeat);
    assert.equal("workers" in body && body.workers.length, 32);
    const bytes = new TextEncoder().encode(JSON.stringify(body)).length;
    assert.ok(bytes < 10_000, `${bytes} bytes`);
  } finally {
    await link.close(false);
    await orchestrator.close();
  }
});

/** A worker whose fields are as long as real ones. */
function poolWorker(n: number): PoolWorker {
  return {
    worker_id: `w-${newSecret().slice(0, 12)}`,
    request_id: `spawn-1764068400000-${n}`,
    pid: 100_000 + n,
    model_ref: "file:/var/lib/llorch/models/Qwen2.5-Coder-32B-Instruct-Q4_K_M.gguf",
    fingerprint: newSecret(),
    device: `cuda${n % 8}`,
    uri: `http://10.20.30.40:${8001 + n}`,
    token: newSecret(),
    backend: "cuda",
    capabilities: ["generate", "tokenize", "embed"],
    state: "ready",
    context: 131_072,
    slots: 16,
    active: 16,
    memory_bytes: 21_474_836_480 + n,
  };
}

Deno.test("a pool that stops does not warn that its orchestrator stops at the same time", async () => {
  const orchestrator = await fakeOrchestrator();
  const { link, log } = setup(orchestrator.url);
  link.start();
  await orchestrator.next(isHeartbeat);
  await orchestrator.close();
  link.stopping();
  link.changed();
  const deadline = performance.now() + 30_000;
  const failed = () => log.lines.some((line) => line.event === "orchestrator_unreachable");
  while (!failed() && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await link.close(true);
  assert.ok(failed());
  assert.deepEqual(log.lines.filter((line) => line.level === "warn"), []);
});

Deno.test("of several orchestrators, a pool finds the one that leads, and the next one", async () => {
  const [first, second] = [await fakeOrchestrator(), await fakeOrchestrator()];
  const gone = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = gone.addr as Deno.NetAddr;
  gone.close();
  const { link } = setup([`http://127.0.0.1:${port}`, first.url, second.url]);
  link.start();
  await first.next(isRegistration);
  await first.next(isHeartbeat);
  await first.close();
  await second.next(isHeartbeat);
  assert.equal(link.url, second.url);
  await link.close(false);
  await second.close();
});
