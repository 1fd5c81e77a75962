import assert from "node:assert/strict";
import { dirname } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { DIES, HANGS, poisonedWorkers } from "../support/poisoned_worker.ts";
import { type Service, withService } from "../support/service.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { type Received, until } from "../support/stack.ts";
import {
  checkSettled,
  checkWhole,
  countTask,
  followThrough,
  inRounds,
  SLOW_ROUNDS,
} from "./rounds.ts";

/** Time in which all streams beside a poison are complete on an idle machine, in ms. */
const WHOLE_MS = 15_000;

/** Tokens of each stream: enough that it still runs when the poison arrives. */
const TOKENS = 600;

/** Time that three such streams take together on an idle machine, in ms. */
const CALM_MS = 1_800;

const SETTINGS = {
  orchestratord: `tick_ms = 50
    failover.stall_ms = 3000
    workers.replica_idle_ms = 500`,
  poolManagerd: "worker.poll_interval_ms = 200",
} as const;

Deno.test("a poison among streams costs them one attempt, and ends as unsafe", async (t) => {
  const bin = await Deno.makeTempDir({ prefix: "llorch-bin-" });
  try {
    const env = { LLORCH_BIN_DIR: await poisonedWorkers(bin) };
    await withService(dirname(slowCounterModel()), async (service) => {
      await inRounds(
        t,
        "a prompt that hangs its worker",
        (n) => poisoned(service, n, HANGS),
        SLOW_ROUNDS,
      );
      await inRounds(
        t,
        "a prompt that ends its worker",
        (n) => poisoned(service, n, DIES),
        SLOW_ROUNDS,
      );
    }, { ...SETTINGS, env });
  } finally {
    await Deno.remove(bin, { recursive: true });
  }
});

/** How many times slower this machine is now than an idle one; at least 1. */
async function slowness({ client }: Service, round: number): Promise<number> {
  const began = performance.now();
  await Promise.all([1, 2, 3].map((n) => followThrough(client, countTask(n + round, TOKENS))));
  return Math.max(1, (performance.now() - began) / CALM_MS);
}

async function poisoned(service: Service, round: number, prompt: string): Promise<void> {
  const { client } = service;
  const wholeMs = WHOLE_MS * await slowness(service, round);
  const began = performance.now();
  const whole: Promise<number>[] = [];
  const follow = (from: number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const onEvent = ({ event }: Received) => void (event === "token" && resolve());
    const all = followThrough(client, countTask(from, TOKENS), onEvent);
    whole.push(all.then((received) => {
      checkWhole(received, from, TOKENS);
      return performance.now();
    }));
    return Promise.race([promise, all]);
  };
  await follow(1_000 + round);
  await follow(2_000 + round);
  const headers = { "idempotency-key": crypto.randomUUID() };
  const body = { model: "slow-counter", prompt, max_tokens: 3, detached: true };
  const { job_id } = await client.call(routes.submit, { body, headers });
  const view = () => client.call(routes.getTask, { params: { id: job_id } });
  await until("the poison is on a worker", async () => (await view()).attempts.length > 0);
  void follow(3_000 + round);

  const ends = await Promise.all(whole);
  const took = Math.max(...ends) - began;
  const timing = `complete after ${Math.round(took)} ms of ${Math.round(wholeMs)}`;
  assert.ok(took < wholeMs, `the streams beside it were ${timing}`);
  await until("the poison has ended", async () => (await view()).ended_at !== undefined);
  const { error, attempts } = await view();
  assert.equal(error?.code, "REQUEST_UNSAFE");
  assert.equal(attempts.filter(({ suspect }) => suspect).length, 3, JSON.stringify(attempts));
  const again = await client.call(routes.submit, { body, headers });
  assert.deepEqual([again.job_id, again.status], [job_id, "failed"]);
  const { tasks } = await client.call(routes.listTasks, { query: { limit: 4 } });
  const others = tasks.filter((each) => each.job_id !== job_id);
  for (const { attempts } of others) {
    assert.ok(
      attempts.length <= 2,
      `a neighbour lost more than one attempt: ${JSON.stringify(attempts)}`,
    );
  }
  await checkSettled(service);
}
