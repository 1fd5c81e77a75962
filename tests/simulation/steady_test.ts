import assert from "node:assert/strict";
import type { NewJob } from "../../daemons/orchestratord/scheduler/state.ts";
import { LlorchError } from "#shared/errors.ts";
import { startOf } from "../../daemons/orchestratord/scheduler/forecast.ts";
import {
  A,
  B,
  MIB,
  POLICY,
  pool,
  Run,
  takePlace,
  worker,
} from "../../daemons/orchestratord/testing/scheduler.ts";
import { seededRandom } from "../support/random.ts";
import { Steady } from "./steady.ts";

/** One device that holds one worker of 100 MiB at a time. */
const small = (workers: Parameters<typeof pool>[0]) =>
  pool(workers, {
    devices: [{
      id: "cpu",
      kind: "cpu",
      name: "cpu",
      total_bytes: 150 * MIB,
      free_bytes: (150 - 100 * workers.length) * MIB,
    }],
  });

function job(id: string, now: number, more: Partial<NewJob> = {}): NewJob {
  return {
    ...{ id, model: "a", fingerprint: A, priority: "interactive", tenant: "t", queuedAt: now },
    ...{
      deadlineAt: undefined,
      attempt: 0,
      tokensIn: 10,
      tokensAtMost: 10,
      maxTokens: undefined,
      affinity: [],
      speaks: true,
      isStored: true,
      deaths: 0,
    },
    ...more,
  };
}

const stateOf = () => new Run({ queueCapacity: Infinity, queueTimeoutMs: Infinity }).state;

Deno.test("two tenants with the same load get the same tokens within 10 %, whatever their jobs are like", () => {
  for (const seed of [1, 2, 3]) {
    const random = seededRandom(seed);
    // Long jobs of one, short jobs of the other.
    const size = (id: string) => Math.ceil((id.startsWith("long") ? 400 : 40) * (0.5 + random()));
    const sizes = new Map<string, number>();
    const steady = new Steady({
      state: stateOf(),
      service: (id) => sizes.get(id)! * 5,
      tokens: (id) => sizes.get(id)!,
      pool,
      worker: (id, fingerprint) => worker(id, fingerprint, { slots: 4 }),
      workers: [worker("w", A, { slots: 4 })],
    });
    const served = { long: 0, short: 0 };
    let count = 0;
    const submit = (tenant: "long" | "short") => {
      const id = `${tenant}-${count++}`;
      sizes.set(id, size(id));
      steady.submit(job(id, steady.timers.now, { tenant }));
    };
    steady.onEnd = (id) => {
      const tenant = id.startsWith("long") ? "long" : "short";
      served[tenant] += sizes.get(id)! + 5;
      submit(tenant);
    };
    for (let n = 0; n < 20; n++) {
      submit("long");
      submit("short");
    }
    steady.runUntil(600_000);
    const ratio = served.long / served.short;
    assert.ok(ratio > 0.9 && ratio < 1.1, `seed ${seed}: ${JSON.stringify(served)}`);
  }
});

Deno.test("a full queue keeps nobody out: many clients of one tenant leave the other its share", () => {
  const steady = new Steady({
    state: new Run({ queueCapacity: 60, queueTimeoutMs: Infinity }).state,
    service: () => 300,
    tokens: () => 300,
    pool,
    worker: (id, fingerprint) => worker(id, fingerprint, { slots: 2 }),
    workers: [worker("w", A, { slots: 2 })],
  });
  const served = { many: 0, few: 0 };
  let count = 0;
  // Each client submits again at once after its job has ended, and after its Retry-After if it is refused.
  const ask = (tenant: "many" | "few") => {
    const now = steady.timers.now;
    try {
      takePlace(steady.state, tenant, now);
      steady.submit(job(`${tenant}-${count++}`, now, { tenant }));
    } catch (error) {
      assert.ok(error instanceof LlorchError);
      steady.timers.after(error.retryAfterMs ?? 0, () => ask(tenant));
    }
  };
  steady.onEnd = (id) => {
    const tenant = id.startsWith("many") ? "many" : "few";
    served[tenant]++;
    ask(tenant);
  };
  for (let n = 0; n < 90; n++) ask("many");
  // Those who are refused wait for whole seconds, so a few clients cannot use half of the slots.
  for (let n = 0; n < 6; n++) ask("few");
  steady.runUntil(120_000);
  const share = served.few / (served.few + served.many);
  assert.ok(share > 0.4, `the tenant with few clients got ${share}: ${JSON.stringify(served)}`);
});

Deno.test("a model that waits is served within patience, residence and the longest job, however busy the other", () => {
  const longestMs = 400;
  const random = seededRandom(4);
  const steady = new Steady({
    state: stateOf(),
    service: () => 50 + random() * (longestMs - 50),
    pool: small,
    worker: (id, fingerprint, request_id) => worker(id, fingerprint, { request_id, slots: 2 }),
  });
  let count = 0;
  const queued = new Map<string, number>();
  const submit = (fingerprint: string) => {
    const id = `${fingerprint.slice(0, 1)}${count++}`;
    queued.set(id, steady.timers.now);
    steady.submit(job(id, steady.timers.now, { fingerprint, tenant: fingerprint }));
  };
  // One model is requested all the time, the other now and then.
  steady.onEnd = (id) => id.startsWith("a") && submit(A);
  for (let n = 0; n < 6; n++) submit(A);
  for (let at = 1000; at < 60_000; at += 3000) steady.timers.after(at, () => submit(B));
  steady.runUntil(80_000);

  const bound = POLICY.swapPatienceMs + POLICY.swapMinResidentMs + 2 * longestMs + 1000;
  const rare = [...queued].filter(([id]) => id.startsWith("b"));
  assert.equal(rare.length, 20);
  for (const [id, at] of rare) {
    const waited = (steady.started.get(id) ?? Infinity) - at;
    assert.ok(waited <= bound, `${id} waited ${waited} ms, and ${bound} ms are promised`);
  }
  const often = [...steady.started.keys()].filter((id) => id.startsWith("a")).length;
  assert.ok(often > 200, `the busy model is served too: ${often} jobs`);
});

Deno.test("predicted starts are near the real ones under load", () => {
  const random = seededRandom(5);
  const steady = new Steady({
    state: stateOf(),
    service: () => 500 + random() * 1000,
    pool,
    worker: (id, fingerprint) => worker(id, fingerprint, { slots: 4 }),
    workers: [worker("w", A, { slots: 4 })],
  });
  const predicted = new Map<string, { at: number; inMs: number }>();
  const arrive = (n: number) => {
    const now = steady.timers.now;
    const next = job(`j${n}`, now);
    const { expected } = startOf(steady.state, { ...next, delivered: 0 }, now);
    predicted.set(next.id, { at: now, inMs: expected.mean });
    steady.submit(next);
    // A little more than four slots can serve, so that the queue grows.
    if (n < 400) steady.timers.after(-Math.log(1 - random()) * 220, () => arrive(n + 1));
  };
  arrive(0);
  steady.runUntil(200_000);

  const errors = [...predicted].flatMap(([id, { at, inMs }]) => {
    const real = steady.started.get(id)! - at;
    return real < 2000 ? [] : [Math.abs(inMs - real) / real];
  }).sort((a, b) => a - b);
  assert.ok(errors.length > 100, `${errors.length} jobs had to wait`);
  const median = errors[Math.floor(errors.length / 2)]!;
  assert.ok(median < 0.15, `half of the predictions are off by more than ${median}`);
});

Deno.test("predicted starts of short jobs are near the real ones, though the jobs before were long", () => {
  const random = seededRandom(6);
  const tokens = new Map<string, number>();
  const steady = new Steady({
    state: stateOf(),
    service: (id) => 100 + 10 * tokens.get(id)!,
    tokens: (id) => tokens.get(id)!,
    pool,
    worker: (id, fingerprint) => worker(id, fingerprint, { slots: 4 }),
    workers: [worker("w", A, { slots: 4 })],
  });
  for (let n = 0; n < 40; n++) {
    tokens.set(`long-${n}`, 1000 + Math.floor(random() * 3000));
    steady.submit(job(`long-${n}`, steady.timers.now));
  }
  steady.runUntil(400_000);
  const predicted = new Map<string, number>();
  const began = steady.timers.now;
  for (let n = 0; n < 40; n++) {
    const next = job(`short-${n}`, began, { maxTokens: 200 });
    const { expected } = startOf(steady.state, { ...next, delivered: 0 }, began);
    predicted.set(next.id, expected.mean);
    tokens.set(next.id, 200);
    steady.submit(next);
  }
  steady.runUntil(began + 100_000);
  for (const [id, inMs] of predicted) {
    const real = steady.started.get(id)! - began;
    // Slots that begin together end together, while the prediction assumes that they end one by one.
    assert.ok(Math.abs(inMs - real) <= 2400, `${id}: ${inMs} ms predicted, ${real} ms real`);
  }
});
