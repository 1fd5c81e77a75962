import assert from "node:assert/strict";
import fc from "fast-check";
import { exitCategory, type LifeEvent, newLife, step, type WorkerLife } from "./worker_life.ts";

const STARTED = newLife(0, 1_000);
const READY = step(STARTED, { type: "ready" }, 10).life;

Deno.test("a worker starts, loads and becomes ready, and then has no deadline", () => {
  const loading = step(STARTED, { type: "loading" }, 5).life;
  assert.equal(loading.state, "loading");
  assert.equal(loading.deadline, 1_000);
  assert.deepEqual(step(loading, { type: "ready" }, 10), {
    life: { state: "ready", deadline: null, cause: null, killed: false },
  });
});

Deno.test("a start is killed as a timeout after its deadline, and not before", () => {
  assert.deepEqual(step(STARTED, { type: "tick", stopDeadlineMs: 50 }, 999), { life: STARTED });
  const { life, signal } = step(STARTED, { type: "tick", stopDeadlineMs: 50 }, 1_000);
  assert.equal(signal, "SIGKILL");
  assert.deepEqual(life, { state: "stopping", deadline: null, cause: "timeout", killed: true });
});

Deno.test("a drain waits for the last stream, then stops", () => {
  const { life, signal } = step(
    READY,
    { type: "drain", deadlineMs: 500, stopDeadlineMs: 50 },
    100,
  );
  assert.equal(signal, undefined);
  assert.equal(life.state, "draining");
  assert.equal(life.deadline, 600);
  assert.deepEqual(step(life, { type: "idle", stopDeadlineMs: 50 }, 200), {
    life: { state: "stopping", deadline: 250, cause: "stop", killed: false },
    signal: "SIGTERM",
  });
});

Deno.test("a drain stops a busy worker after its deadline", () => {
  const draining = step(READY, { type: "drain", deadlineMs: 500, stopDeadlineMs: 50 }, 100).life;
  const { life, signal } = step(draining, { type: "tick", stopDeadlineMs: 50 }, 600);
  assert.equal(signal, "SIGTERM");
  assert.equal(life.deadline, 650);
});

Deno.test("a second drain may only shorten the first", () => {
  const drain = (deadlineMs: number) =>
    ({ type: "drain", deadlineMs, stopDeadlineMs: 50 }) as const;
  const draining = step(READY, drain(500), 100).life;
  assert.equal(step(draining, drain(900), 110).life.deadline, 600);
  assert.equal(step(draining, drain(20), 110).life.deadline, 130);
});

Deno.test("a drain before ready stops at once", () => {
  const { life, signal } = step(
    STARTED,
    { type: "drain", deadlineMs: 500, stopDeadlineMs: 50 },
    1,
  );
  assert.equal(signal, "SIGTERM");
  assert.equal(life.state, "stopping");
});

Deno.test("a worker that SIGTERM does not stop is killed with SIGKILL, once", () => {
  const stopping = step(READY, { type: "stop", deadlineMs: 100 }, 0).life;
  const tick = { type: "tick", stopDeadlineMs: 50 } as const;
  assert.equal(step(stopping, tick, 99).signal, undefined);
  const killed = step(stopping, tick, 100);
  assert.equal(killed.signal, "SIGKILL");
  assert.equal(killed.life.cause, "stop");
  assert.deepEqual(step(killed.life, tick, 10_000), { life: killed.life });
});

Deno.test("a second stop may only shorten the first and sends no second SIGTERM", () => {
  const stopping = step(READY, { type: "stop", deadlineMs: 100 }, 0).life;
  assert.deepEqual(step(stopping, { type: "stop", deadlineMs: 10 }, 5), {
    life: { ...stopping, deadline: 15 },
  });
  assert.equal(step(stopping, { type: "stop", deadlineMs: 900 }, 5).life.deadline, 100);
});

Deno.test("silence kills a worker as a timeout", () => {
  const { life, signal } = step(READY, { type: "unresponsive" }, 5);
  assert.equal(signal, "SIGKILL");
  assert.equal(life.cause, "timeout");
});

Deno.test("whatever happens, a worker never comes back from stopping and is killed at most once", () => {
  const event: fc.Arbitrary<LifeEvent> = fc.oneof(
    fc.constantFrom<LifeEvent>({ type: "loading" }, { type: "ready" }, { type: "unresponsive" }),
    fc.nat(2_000).map((deadlineMs) => ({ type: "stop" as const, deadlineMs })),
    fc.nat(2_000).map((deadlineMs) => ({ type: "drain" as const, deadlineMs, stopDeadlineMs: 50 })),
    fc.constant<LifeEvent>({ type: "idle", stopDeadlineMs: 50 }),
    fc.constant<LifeEvent>({ type: "tick", stopDeadlineMs: 50 }),
  );
  fc.assert(fc.property(fc.array(fc.tuple(event, fc.nat(500)), { maxLength: 40 }), (events) => {
    let life: WorkerLife = STARTED;
    let now = 0;
    const signals: string[] = [];
    for (const [next, wait] of events) {
      now += wait;
      const result = step(life, next, now);
      if (life.state === "stopping") assert.equal(result.life.state, "stopping");
      if (result.signal) signals.push(result.signal);
      life = result.life;
      // A worker that is neither ready nor killed has a deadline, so that none is forgotten.
      assert.equal(life.deadline === null, life.state === "ready" || life.killed);
    }
    assert.ok(["", "SIGTERM", "SIGKILL", "SIGTERM,SIGKILL"].includes(signals.join()));
  }));
});

const ended = (exit_code: number | null, signal: string | null = null) => ({ exit_code, signal });

Deno.test("a requested exit is a stop, however the worker ended", () => {
  const stopping = step(READY, { type: "stop", deadlineMs: 100 }, 0).life;
  assert.equal(exitCategory(stopping, ended(null, "SIGKILL"), true, []), "stop");
  assert.equal(exitCategory(stopping, ended(1), false, ["out of memory"]), "stop");
});

Deno.test("a clean exit of a ready worker is a stop, of a starting one a crash", () => {
  assert.equal(exitCategory(READY, ended(0), false, []), "stop");
  assert.equal(exitCategory(STARTED, ended(0), false, []), "crash");
});

Deno.test("a kill counts as out of memory only if the kernel counted one", () => {
  assert.equal(exitCategory(READY, ended(null, "SIGKILL"), false, []), "crash");
  assert.equal(exitCategory(READY, ended(null, "SIGKILL"), true, []), "oom");
  assert.equal(exitCategory(READY, ended(null), true, []), "oom");
  assert.equal(exitCategory(STARTED, ended(137), true, []), "oom");
  assert.equal(exitCategory(STARTED, ended(137), false, []), "crash");
  assert.equal(exitCategory(READY, ended(null, "SIGSEGV"), true, []), "crash");
});

Deno.test("a worker whose last log lines report a lack of memory ended out of memory", () => {
  const line = "ggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed: out of memory";
  assert.equal(exitCategory(STARTED, ended(1), false, [line, "Error: no worker"]), "oom");
  assert.equal(
    exitCategory(STARTED, ended(null, "SIGABRT"), false, [line, "Error: no worker"]),
    "oom",
  );
  assert.equal(exitCategory(STARTED, ended(1), false, ["Cannot read the file"]), "crash");
});

Deno.test("log lines about memory long before the end do not count", () => {
  const lines = ["out of memory", ...Array.from({ length: 20 }, () => "served a request")];
  assert.equal(exitCategory(READY, ended(1), false, lines), "crash");
});
