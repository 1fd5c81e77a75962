import assert from "node:assert/strict";
import { MIB, model, pool, Run, submit, worker } from "../testing/scheduler.ts";

const TICK_MS = 100;
const MODELS = 12;

Deno.test("where many models want one more worker, each gets it soon after there is room", () => {
  const run = new Run({ replicaAfterMs: 500 });
  const fingerprints = Array.from({ length: MODELS }, (_, n) => String(n).padStart(64, "0"));
  const models = fingerprints.map((fingerprint) => model(fingerprint));
  const workers = fingerprints.map((fingerprint) => worker(`w-${fingerprint}`, fingerprint));
  const other = (freeMib: number) => {
    const cpu = { id: "cpu", kind: "cpu" as const, name: "cpu", total_bytes: 2_000 * MIB };
    const devices = [{ ...cpu, free_bytes: freeMib * MIB }];
    return pool([], { id: "p2", instanceId: "i2", models, devices });
  };
  run.at(0, pool(workers, { models }), other(0));
  for (const fingerprint of fingerprints) {
    for (const n of [1, 2]) run.at(1, submit(`${fingerprint} ${n}`, 1, { fingerprint }));
  }
  const spawned = new Set<string>();
  const tickUntil = (from: number, to: number) => {
    for (let now = from; now < to; now += TICK_MS) {
      for (const effect of run.at(now, { kind: "tick" })) {
        if (effect.kind === "spawn") spawned.add(effect.spawn.fingerprint);
      }
    }
  };
  tickUntil(TICK_MS, 3_000);
  assert.equal(spawned.size, 0);
  run.at(3_000, other(1_900));
  tickUntil(3_000, 4_000);
  assert.deepEqual([...spawned].sort(), fingerprints);
});
