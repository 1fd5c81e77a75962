import assert from "node:assert/strict";
import { Loop } from "./loop.ts";
import { A, model, POLICY, pool, submit } from "../testing/scheduler.ts";

const JOB = { priority: "interactive", tokensIn: 1, maxTokens: undefined, speaks: true } as const;

Deno.test("a place that is kept for who was refused is free in time, though the clock was set back", () => {
  const time = { wall: 10_000_000, steady: 0 };
  const loop = new Loop({ ...POLICY, queueCapacity: 2 }, {
    now: () => time.wall,
    steady: () => time.steady,
    after: () => () => {},
  });
  const ask = (tenant: string) => void loop.place({ ...JOB, fingerprint: A, tenant }, undefined);
  loop.send(pool([]));
  for (const id of ["j1", "j2"]) loop.send(submit(id, 0, { tenant: "many" }));
  assert.throws(() => ask("few"), { code: "QUEUE_FULL" });
  const error = { code: "CANCELLED", message: "cancelled" } as const;
  loop.send({ kind: "cancel", jobId: "j1", error });
  assert.throws(() => ask("many"), /1 free places are kept/);

  time.wall -= 3_600_000;
  time.steady += 60_000;
  ask("many");
});

Deno.test("a job whose deadline comes before the end of a load is taken where it begins that load", () => {
  const loop = new Loop(POLICY, { now: () => 0, steady: () => 0, after: () => () => {} });
  // Its load is expected to take some seconds.
  const bytes = 6 * 2 ** 30;
  const cpu = { id: "cpu", kind: "cpu", name: "cpu" } as const;
  const devices = [{ ...cpu, total_bytes: 2 * bytes, free_bytes: 2 * bytes }];
  loop.send(pool([], { models: [model(A, bytes)], devices }));
  const place = (tenant: string) => loop.place({ ...JOB, fingerprint: A, tenant }, 1_000);
  assert.ok(place("first").predicted_start_ms > 1_000);
  loop.send(submit("j1", 0, { tenant: "first", deadlineAt: 1_000 }));
  assert.throws(() => place("second"), { code: "DEADLINE_UNMET" });
});
