import assert from "node:assert/strict";
import fc from "fast-check";
import { type KeyLimits, orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { follow } from "../testing/harness.ts";
import { withGuarded } from "../testing/guarded.ts";
import { Promises } from "../scheduler/promises.ts";
import { checkJobLimits, dayOf, type Progress, untilNextDay, type Use } from "./job_limits.ts";
import { RequestRate } from "./request_rate.ts";

Deno.test("RequestRate lets a minute's worth through at once, then at an even pace", () => {
  const rate = new RequestRate();
  for (let i = 0; i < 60; i++) assert.equal(rate.take("a", 60, 0), 0);
  assert.equal(rate.take("a", 60, 0), 1000);
  assert.equal(rate.take("b", 60, 0), 0);
  assert.equal(rate.take("a", 60, 400), 600);
  assert.equal(rate.take("a", 60, 1000), 0);
  assert.equal(rate.take("a", 60, 1000), 1000);
});

Deno.test("a request succeeds after the wait that RequestRate returns, and not before", () => {
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 5000 }),
    fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 200 }),
    (perMinute, pauses) => {
      const rate = new RequestRate();
      let now = 1_700_000_000_000;
      for (const pause of pauses) {
        now += pause;
        const wait = rate.take("a", perMinute, now);
        if (wait === 0) continue;
        assert.ok(wait <= 60_000);
        if (wait > 2) assert.ok(rate.take("a", perMinute, now + wait - 2) > 0);
        now += Math.ceil(wait);
        assert.equal(rate.take("a", perMinute, now), 0);
      }
    },
  ));
});

Deno.test("in any minute RequestRate lets at most twice the limit through", () => {
  const rate = new RequestRate();
  const taken: number[] = [];
  for (let now = 0; now < 300_000; now += 100) {
    if (rate.take("a", 30, now) === 0) taken.push(now);
  }
  for (const from of taken) {
    assert.ok(taken.filter((at) => at >= from && at < from + 60_000).length <= 60);
  }
  assert.equal(taken.filter((at) => at >= 120_000).length, 90);
});

Deno.test("RequestRate blocks no key for more than a minute after the clock was set back", () => {
  const rate = new RequestRate();
  for (let i = 0; i < 10; i++) rate.take("a", 10, 10_000_000);
  assert.ok(rate.take("a", 10, 0) <= 60_000);
});

Deno.test("RequestRate forgets keys that were quiet", () => {
  const rate = new RequestRate();
  for (let i = 0; i < 5000; i++) rate.take(`key-${i}`, 60, i * 100);
  assert.ok(rate.size <= 1001, String(rate.size));
});

/** The error of checkJobLimits(); undefined if it allows the job. */
function refused(
  limits: KeyLimits,
  use: Use,
  now: number,
  promises = new Promises(),
): LlorchError | undefined {
  try {
    checkJobLimits(limits, use, promises, now);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof LlorchError);
    assert.equal(error.code, "RATE_LIMITED");
    return error;
  }
}

const waiting: Progress = { tokensIn: 0, tokensOut: 0, endsInMs: undefined, staysMs: undefined };
const endingIn = (endsInMs: number): Progress => ({ ...waiting, endsInMs, staysMs: 4_000 });

Deno.test("checkJobLimits() counts jobs, and says when the first will have ended", () => {
  const jobs = [endingIn(9_000), endingIn(4_000)];
  assert.equal(refused({}, { jobs, tokensToday: 1e9 }, 5000), undefined);
  assert.equal(refused({ concurrent_jobs: 3 }, { jobs, tokensToday: 0 }, 5000), undefined);
  const both = refused({ concurrent_jobs: 2 }, { jobs, tokensToday: 0 }, 5000);
  assert.equal(both?.retryAfterMs, 5_000);
  assert.deepEqual(both?.details, { limit: "concurrent_jobs", value: 2 });
});

Deno.test("checkJobLimits() guesses where nothing was measured, and never says more than ten minutes", () => {
  const after = (...jobs: Progress[]) =>
    refused({ concurrent_jobs: jobs.length }, { jobs, tokensToday: 0 }, 5000)?.retryAfterMs;
  assert.equal(after(waiting), 6_000);
  assert.equal(after(endingIn(0)), 1_000);
  assert.equal(after(endingIn(6_000_000)), 600_000);
});

Deno.test("clients over a key's job limit get different Retry-After times, and a place at that time", () => {
  const promises = new Promises();
  const limits = { concurrent_jobs: 2 };
  const both = { jobs: [endingIn(1_000), endingIn(3_000)], tokensToday: 0 };
  const told = [1, 2, 3, 4].map(() => refused(limits, both, 0, promises)?.retryAfterMs);
  assert.deepEqual(told, [2_000, 4_000, 7_000, 9_000]);
  // One job has ended: its place is for the first of them.
  const one = { jobs: [endingIn(2_000)], tokensToday: 0 };
  assert.ok(refused(limits, one, 1_900, promises), "somebody else comes before");
  assert.equal(refused(limits, one, 2_000, promises), undefined);
  assert.ok(refused(limits, one, 2_001, promises), "the next place is for the second");
  assert.equal(refused(limits, one, 20_000, promises), undefined, "nobody came back");
});

Deno.test("checkJobLimits() counts the day's tokens, including those of running jobs, until midnight", () => {
  const now = Date.UTC(2027, 0, 31, 23, 59, 50);
  assert.equal(dayOf(now) + 1, dayOf(now + untilNextDay(now)));
  const running: Progress = { ...waiting, tokensIn: 1, tokensOut: 3 };
  const use = { jobs: [running], tokensToday: 5 };
  assert.equal(refused({ tokens_per_day: 10 }, use, now), undefined);
  assert.equal(refused({ tokens_per_day: 9 }, use, now)?.retryAfterMs, 10_000);
});

const task = { model: "counter", prompt: "w7", max_tokens: 5 };

Deno.test("a key's own limits override the configured ones; a 429 says when to retry", async () => {
  await withGuarded({ keys: { requests_per_minute: 1 } }, async ({ url, key }) => {
    const get = (secret: string) =>
      fetch(`${url}/v2/queue`, { headers: { authorization: `Bearer ${secret}` } });
    const { secret } = await key({ name: "a" });
    assert.equal((await get(secret)).status, 200);
    const reply = await get(secret);
    assert.equal(reply.status, 429);
    assert.ok(["59", "60"].includes(reply.headers.get("retry-after") ?? ""));
    assert.equal((await reply.json()).error.code, "RATE_LIMITED");
    const own = await key({ name: "b", limits: { requests_per_minute: 100 } });
    for (let i = 0; i < 3; i++) assert.equal((await get(own.secret)).status, 200);
  });
});

Deno.test("concurrent jobs of a key are bounded, on /v1 too; tokens per day outlive a restart", async () => {
  await withGuarded({}, async (guarded) => {
    const pool = await guarded.pool();
    const limits = { concurrent_jobs: 1, tokens_per_day: 8 };
    const { secret, key_id } = await guarded.key({ name: "a", limits });
    const ann = () => guarded.client(secret);
    const refusal = async (call: Promise<unknown>) =>
      await call.then(() => undefined, (error) => error);
    await Array.fromAsync(follow(ann(), task));
    const [used] = (await guarded.root.call(routes.listKeys, {})).keys;
    assert.ok(used!.tokens_today >= 5, JSON.stringify(used));

    pool.only().allow(0);
    const body = { ...task, detached: true };
    const { job_id } = await ann().call(routes.submit, { body });
    const chat = { model: "counter", messages: [{ role: "user" as const, content: "w7" }] };
    for (
      const call of [ann().call(routes.submit, { body }), ann().call(routes.chat, { body: chat })]
    ) {
      const error = await refusal(call);
      assert.equal(error.code, "RATE_LIMITED");
    }
    // The earlier job took much less than a second, and two were promised its place before.
    const third = (await refusal(ann().call(routes.submit, { body }))).retryAfterMs;
    assert.ok(third >= 1000 && third <= 10_000, String(third));
    pool.only().allow(Infinity);
    await Array.fromAsync(follow(ann(), job_id));
    await guarded.restart();
    const error = await refusal(ann().call(routes.submit, { body: task }));
    assert.equal(error?.code, "RATE_LIMITED");
    assert.equal(error.details.limit, "tokens_per_day");
    assert.ok(Math.abs(error.retryAfterMs - untilNextDay(Date.now())) < 60_000);
    assert.equal((await guarded.root.call(routes.listKeys, {})).keys[0]?.key_id, key_id);
    // Other keys are not delayed.
    await Array.fromAsync(follow(guarded.root, task));
  });
});

Deno.test("a cancelled or failed job costs the prompt tokens that were read, as far as that is known", async () => {
  await withGuarded({ failover: { backoff_first_ms: 1 } }, async (guarded) => {
    const pool = await guarded.pool();
    const client = guarded.client((await guarded.key({ name: "a" })).secret);
    const today = async () => (await guarded.root.call(routes.listKeys, {})).keys[0]?.tokens_today;
    await Array.fromAsync(follow(client, task));
    const worker = pool.only();
    const before = await today() ?? 0;

    /**
     * Cancels a job after this many events; returns its usage and the tokens that its key was
     * charged.
     */
    const cancelledAfter = async (tokens: number, until: string) => {
      const charged = await today() ?? 0;
      worker.allow(tokens);
      const { job_id } = await client.call(routes.submit, { body: { ...task, detached: true } });
      let count = 0;
      for await (const { event } of follow(client, job_id)) {
        if (event === until && ++count === Math.max(1, tokens)) {
          await client.call(routes.cancelTask, { params: { id: job_id } });
        }
      }
      const { status, usage } = await client.call(routes.getTask, { params: { id: job_id } });
      assert.equal(status, "cancelled");
      return { usage, charged: (await today() ?? 0) - charged };
    };
    worker.prompt = { done: 30, total: 40 };
    assert.deepEqual(await cancelledAfter(0, "metrics"), {
      usage: { tokens_in: 30, tokens_cached: 0, tokens_out: 0 },
      charged: 30,
    });
    // Generated tokens show that all of the prompt was read.
    assert.deepEqual(await cancelledAfter(2, "token"), {
      usage: { tokens_in: 40, tokens_cached: 0, tokens_out: 2 },
      charged: 42,
    });
    worker.prompt = undefined;
    assert.deepEqual(await cancelledAfter(0, "started"), { usage: undefined, charged: 0 });

    worker.prompt = { done: 7, total: 40 };
    worker.failWith = new LlorchError("INTERNAL", "It broke");
    await Array.fromAsync(follow(client, task));
    assert.equal(await today(), before + 30 + 42 + 7);
  });
});
