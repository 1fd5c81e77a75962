/**
 * The behaviour that every store must have. The tests of each store run these cases.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { NumberedEvent, Store } from "../store/job_store.ts";
import type { KeyRow } from "../store/key_store.ts";
import { until } from "../../../tests/support/stack.ts";
import { BATCH_CASES } from "./batch_cases.ts";
import { FILE_CASES } from "./file_cases.ts";
import { IMAGE_CASES } from "./image_cases.ts";
import { RESPONSE_CASES, runningResponse, storedResponse } from "./response_cases.ts";
import { accept, token } from "./stored_jobs.ts";

/** Location of one store, initially empty. */
export interface StoreHome {
  /** Opens the store with the content from its last close. */
  open(): Store | Promise<Store>;
  /**
   * Makes the store's writes fail as on a full disk: each write of events, responses, files,
   * images, batches or results fails after it has begun.
   *
   * @returns a function that makes them work again
   */
  failWrites(): Promise<() => void | Promise<void>>;
  /** Removes the location; its store must be closed. */
  remove(): Promise<void>;
}

const apiKey = (keyId: string, createdAt: number): KeyRow => ({
  keyId,
  name: `name of ${keyId}`,
  role: "client",
  secretSha256: "0".repeat(64),
  limits: { concurrent_jobs: 2 },
  createdAt,
  expiresAt: undefined,
  revokedAt: undefined,
  lastUsedAt: undefined,
});

/** The last event of a job with two tokens. */
const LAST: NumberedEvent = {
  id: 4,
  event: {
    event: "end",
    data: {
      ...{ tokens_in: 1, tokens_cached: 0, tokens_out: 2, ttft_ms: 1, decode_time_ms: 1, seed: 1 },
      stop_reason: "EOS",
    },
  },
};

const ids = (rows: readonly { readonly jobId: string }[]) => rows.map(({ jobId }) => jobId);

/** What a case can do with the location of its store. */
export interface CaseTools {
  /** Closes the store and opens it again. */
  readonly reopen: () => Promise<Store>;
  readonly failWrites: StoreHome["failWrites"];
}

/** A test of one behaviour, with an empty store. */
export type Case = (store: Store, tools: CaseTools) => Promise<void>;

const CASES: Readonly<Record<string, Case>> = {
  async "returns what was written, in order"(store) {
    await accept(store, "j1");
    await store.append("j1", () => ({
      events: [token(2), token(3)],
      patch: { status: "running", startedAt: 2000 },
    }));
    const row = await store.get("j1");
    assert.equal(row?.status, "running");
    assert.equal(row?.startedAt, 2000);
    assert.equal(row?.request?.prompt, "secret words");
    const events = await store.events("j1", 1, 10);
    assert.deepEqual(events.map((each) => each.id), [2, 3]);
    assert.deepEqual(events[0]?.event, token(2).event);
    await store.sync();
  },

  async "a read sees earlier writes, even if they were not awaited"(store) {
    const writes = [accept(store, "j1"), store.append("j1", () => ({ events: [token(2)] }))];
    assert.deepEqual((await store.events("j1", 0, 10)).map((each) => each.id), [1, 2]);
    await Promise.all(writes);
  },

  async "append() calls take() when it writes, in the order of the calls"(store) {
    await accept(store, "j1");
    const taken: number[] = [];
    const append = (id: number) =>
      store.append("j1", () => {
        taken.push(id);
        return { events: [token(id)] };
      });
    await Promise.all([append(2), append(3), append(4)]);
    assert.deepEqual(taken, [2, 3, 4]);
    assert.deepEqual((await store.events("j1", 0, 10)).map((each) => each.id), [1, 2, 3, 4]);
  },

  async "events come in pages, after an id"(store) {
    await accept(store, "j1");
    await accept(store, "j2");
    await store.append("j1", () => ({ events: [2, 3, 4, 5].map(token) }));
    const page = async (after: number, limit: number) =>
      (await store.events("j1", after, limit)).map((each) => each.id);
    assert.deepEqual(await page(0, 2), [1, 2]);
    assert.deepEqual(await page(2, 2), [3, 4]);
    assert.deepEqual(await page(4, 2), [5]);
    assert.deepEqual(await page(5, 2), []);
  },

  async "every event is returned as it was written, whatever its channel"(store) {
    await accept(store, "j1");
    const thought: NumberedEvent = {
      id: 2,
      event: { event: "token", data: { t: "né 😀\\u0000", i: 0, ids: [7], channel: "reasoning" } },
    };
    await store.append("j1", () => ({ events: [thought] }));
    assert.deepEqual(await store.events("j1", 1, 10), [thought]);
  },

  async "a job's end is stored with all its figures"(store, { reopen }) {
    await accept(store, "j1");
    const end = {
      status: "failed",
      firstTokenAt: 2500,
      endedAt: 3000,
      attempts: [{ worker_id: "w", pool_id: "p", started_at: "2026-01-01T00:00:00.000Z" }],
      usage: { tokens_in: 1, tokens_cached: 0, tokens_out: 2 },
      stopReason: "EOS",
      error: { code: "WORKER_LOST", message: "gone", retriable: true },
    } as const;
    await store.update("j1", end);
    const { status, firstTokenAt, endedAt, attempts, usage, stopReason, error } =
      (await (await reopen()).get("j1"))!;
    const kept = { status, firstTokenAt, endedAt, attempts, usage, stopReason, error };
    assert.deepEqual(kept, end);
  },

  async "everything is still there after a close and a new open"(store, { reopen }) {
    await accept(store, "j1", { key: "key" });
    await store.savePool({ poolId: "p", endpoint: "http://h:1", keyId: undefined });
    await store.savePool({ poolId: "q", endpoint: "http://h:2", keyId: "k" });
    await store.removePool("q");
    await store.saveDrain({ poolId: "p", endsAt: 5 });
    const pin = { fingerprint: "f", poolId: "p", device: undefined, model: "m" };
    await store.savePin(pin);
    const next = await reopen();
    assert.deepEqual(ids(await next.unfinished()), ["j1"]);
    assert.equal((await next.findByKey("key"))?.keyed, true);
    assert.equal(await next.findByKey("other"), undefined);
    assert.deepEqual(await next.pools(), [{
      poolId: "p",
      endpoint: "http://h:1",
      keyId: undefined,
    }]);
    assert.deepEqual(await next.drains(), [{ poolId: "p", endsAt: 5 }]);
    assert.deepEqual(await next.pins(), [pin]);
    await next.removeDrain("p");
    await next.removePin(pin);
    assert.deepEqual(await next.drains(), []);
    assert.deepEqual(await next.pins(), []);
  },

  async "keeps the sessions of browsers, without those that have ended and the oldest of too many"(
    store,
    { reopen },
  ) {
    const [old, first, second, third] = [1, 5, 6, 7].map((endsAt) => ({
      secretSha256: String(endsAt).repeat(64),
      keyId: endsAt === 6 ? undefined : "k1",
      endsAt,
    }));
    for (const session of [old!, first!, second!]) await store.sessions.add(session, 0, 3);
    await store.sessions.add(third!, 1, 2);
    const next = await reopen();
    const get = ({ secretSha256 }: { readonly secretSha256: string }) =>
      next.sessions.get(secretSha256);
    assert.equal(await get(old!), undefined);
    assert.equal(await get(first!), undefined);
    assert.deepEqual(await get(second!), second);
    assert.deepEqual(await get(third!), third);
    await next.sessions.remove(third!.secretSha256);
    assert.equal(await get(third!), undefined);
  },

  async "gives up its unfinished jobs, and goes on without them"(store) {
    await accept(store, "j1");
    await store.giveUp(new Map([["w1", 2]]));
    assert.equal((await store.get("j1"))?.status, "queued");
    const members = await store.members();
    for (const { leftMs, heldSlots } of members?.replicas ?? []) {
      assert.ok(leftMs > 0);
      assert.deepEqual([...heldSlots], [["w1", 2]]);
    }
  },

  async "while writes fail, new jobs are refused and changes of accepted ones wait, in order"(
    store,
    { failWrites },
  ) {
    await accept(store, "j1");
    const repair = await failWrites();
    try {
      const waiting = [
        store.append("j1", () => ({ events: [token(2)], patch: { status: "running" } })),
        store.update("j1", { status: "completed", endedAt: 3000 }),
      ];
      await until("the failure is seen", () => store.failure() !== undefined);
      await assert.rejects(accept(store, "j2"), { code: "NOT_READY" });
      assert.equal((await store.get("j1"))?.status, "queued");
      assert.equal((await store.events("j1", 0, 10)).length, 1);
      await repair();
      await Promise.all(waiting);
    } finally {
      await repair();
    }
    assert.equal(store.failure(), undefined);
    assert.equal((await store.get("j1"))?.status, "completed");
    assert.equal((await store.events("j1", 0, 10)).length, 2);
    await accept(store, "j2");
    assert.deepEqual(ids(await store.unfinished()), ["j2"]);
  },

  async "append() calls take() again after a failure, and stores only what it returned last"(
    store,
    { failWrites },
  ) {
    await accept(store, "j1");
    const repair = await failWrites();
    try {
      const made = [token(2)];
      const waiting = store.append("j1", () => ({ events: [...made] }));
      await until("the failure is seen", () => store.failure() !== undefined);
      made.push(token(3));
      await repair();
      await waiting;
    } finally {
      await repair();
    }
    assert.deepEqual((await store.events("j1", 0, 10)).map((each) => each.id), [1, 2, 3]);
  },

  async "a failed write does not fail the others of its turn"(store) {
    await accept(store, "j1");
    const [first, second, third] = await Promise.allSettled([
      store.append("none", () => ({ events: [token(2)] })),
      store.append("j1", () => ({ events: [token(2)] })),
      accept(store, "j2"),
    ]);
    assert.deepEqual(
      [first.status, second.status, third.status],
      ["rejected", "fulfilled", "fulfilled"],
    );
    assert.equal((await store.events("j1", 1, 10)).length, 1);
    assert.equal((await store.get("j2"))?.jobId, "j2");
  },

  async "of jobs with one idempotency key only the first is stored, and the others get its id"(
    store,
  ) {
    const keyed = (id: string) => accept(store, id, { key: "key" });
    assert.deepEqual(
      await Promise.all([keyed("j1"), keyed("j2"), accept(store, "j3"), keyed("j4")]),
      ["j1", "j1", "j3", "j1"],
    );
    assert.equal(await keyed("j5"), "j1");
    assert.deepEqual(ids(await store.unfinished()), ["j1", "j3"]);
    assert.deepEqual(await store.events("j2", 0, 10), []);
    await store.remove("j1");
    assert.equal(await keyed("j2"), "j2", "the key of a removed job is free");
  },

  async "what is written once more, because its outcome is not known, changes nothing"(store) {
    const { keys } = store;
    await keys.add(apiKey("a", 1));
    const charge = { keyId: "a", day: 100, tokens: 5 };
    const writes = async () => {
      assert.equal(await accept(store, "j1", { key: "key" }), "j1");
      await store.append("j1", () => ({ events: [token(2)], patch: { status: "running" } }));
      await store.append("j1", () => ({
        events: [token(3), LAST],
        patch: { status: "completed", endedAt: 3000 },
        charge,
      }));
    };
    await writes();
    await writes();
    assert.deepEqual(await store.events("j1", 1, 10), [token(2), token(3), LAST]);
    assert.equal((await store.get("j1"))?.status, "completed");
    assert.equal(await keys.tokensOn("a", 100), 5);
  },

  async "a key is charged with the terminal event of its job, and for nothing else"(store) {
    const { keys } = store;
    await keys.add(apiKey("a", 1));
    for (const id of ["j1", "j2", "j3"]) await accept(store, id, { tenant: "a" });
    const charge = { keyId: "a", day: 100, tokens: 5 };
    await Promise.all([
      store.append("j1", () => ({ events: [token(2)], charge })),
      store.append("j2", () => ({ events: [{ ...LAST, id: 2 }], charge })),
      store.append(
        "j3",
        () => ({ events: [{ ...LAST, id: 2 }], charge: { ...charge, keyId: "b" } }),
      ),
    ]);
    assert.deepEqual([await keys.tokensOn("a", 100), await keys.tokensOn("b", 100)], [5, 0]);
    await store.append("j1", () => ({ events: [token(3), { ...LAST, id: 4 }], charge }));
    await keys.addTokens({ ...charge, tokens: 1 });
    assert.equal(await keys.tokensOn("a", 100), 11);
  },

  async "begin() returns numbers that only grow"(store, { reopen }) {
    const first = await store.begin();
    const second = await (await reopen()).begin();
    assert.ok(Number.isSafeInteger(first) && second > first, `${first}, ${second}`);
  },

  async "what is erased stays erased, whatever its job still writes"(store) {
    await accept(store, "j1");
    await store.responses.add(runningResponse("r1", { jobId: "j1" }));
    await store.responses.remove("r1");
    assert.equal((await store.get("j1"))?.request?.prompt, "secret words", "it is still needed");
    const end = { status: "completed", endedAt: 3000, contentExpiresAt: 9000 } as const;
    await store.append("j1", () => ({ events: [token(2)], patch: end }));
    assert.equal((await store.get("j1"))?.request, undefined);
    assert.deepEqual(await store.expire(3000, 0), { erased: 1, forgotten: 0 });
    assert.deepEqual(await store.events("j1", 0, 10), []);
  },

  async "remove() removes a job with its events and its key, and no other"(store, { reopen }) {
    await accept(store, "j1", { key: "key" });
    await accept(store, "j2");
    await store.append("j1", () => ({ events: [token(2)] }));
    await store.remove("j1");
    await store.remove("none");
    const next = await reopen();
    assert.deepEqual(ids(await next.unfinished()), ["j2"]);
    assert.deepEqual(await next.events("j1", 0, 10), []);
    await accept(next, "j3", { key: "key" });
  },

  async "page() shows the newest first and filters"(store) {
    await accept(store, "j1");
    await accept(store, "j2", { tenant: "t" });
    await accept(store, "j3");
    await store.update("j2", { status: "completed", endedAt: 5 });
    const page = await store.page({ limit: 2 });
    assert.deepEqual(ids(page), ["j3", "j2"]);
    assert.deepEqual(ids(await store.page({ limit: 2, before: page.at(-1)!.seq })), ["j1"]);
    assert.deepEqual(ids(await store.page({ limit: 9, status: "completed" })), ["j2"]);
    assert.deepEqual(ids(await store.page({ limit: 9, tenant: "t" })), ["j2"]);
    assert.deepEqual(ids(await store.page({ limit: 9, model: "none" })), []);
  },

  async "unfinished() returns the jobs that have not ended, in the order of their acceptance"(
    store,
    { reopen },
  ) {
    // It is neither the order of their ids nor that of their times.
    for (const [id, createdAt] of [["j2", 3000], ["j3", 2000], ["j1", 1000]] as const) {
      await accept(store, id, { createdAt });
    }
    await store.update("j3", { status: "completed", endedAt: 5 });
    await store.update("j2", { status: "running" });
    assert.deepEqual(ids(await store.unfinished()), ["j2", "j1"]);
    assert.deepEqual(ids(await (await reopen()).unfinished()), ["j2", "j1"]);
  },

  async "completed() returns the jobs that were completed last, oldest first"(store) {
    for (const [id, endedAt] of [["j1", 30], ["j2", 10], ["j3", 20]] as const) {
      await accept(store, id);
      await store.update(id, { status: "completed", endedAt });
    }
    await accept(store, "j4");
    assert.deepEqual(ids(await store.completed(2)), ["j3", "j1"]);
    assert.deepEqual(ids(await store.unfinished()), ["j4"]);
  },

  async "unsafeSince() returns the ends that were unsafe, oldest first"(store) {
    for (
      const [id, endedAt, code] of [
        ["j1", 30, "REQUEST_UNSAFE"],
        ["j2", 20, "REQUEST_UNSAFE"],
        ["j3", 10, "REQUEST_UNSAFE"],
        ["j4", 40, "WORKER_LOST"],
      ] as const
    ) {
      await accept(store, id, { tenant: id });
      const error = { code, message: "", retriable: false };
      await store.update(id, { status: "failed", endedAt, error });
    }
    assert.deepEqual(await store.unsafeSince(10), [
      { tenant: "j2", endedAt: 20 },
      { tenant: "j1", endedAt: 30 },
    ]);
  },

  async "expire() erases contents whose time has come, and forgets old jobs"(store) {
    await accept(store, "j1");
    await accept(store, "j2");
    await store.append("j1", () => ({
      events: [token(2)],
      patch: { status: "completed", endedAt: 3000, contentExpiresAt: 4000 },
    }));
    assert.deepEqual(await store.expire(3999, 0), { erased: 0, forgotten: 0 });
    assert.deepEqual(await store.expire(4000, 0), { erased: 1, forgotten: 0 });
    assert.equal((await store.get("j1"))?.request, undefined);
    assert.deepEqual(await store.events("j1", 0, 10), []);
    assert.deepEqual(await store.expire(5000, 3001), { erased: 0, forgotten: 1 });
    assert.equal(await store.get("j1"), undefined);
    assert.equal((await store.get("j2"))?.request?.prompt, "secret words");
  },

  async "keys are stored, ended and counted"({ keys }) {
    await keys.add(apiKey("a", 1));
    await keys.add(apiKey("b", 2));
    assert.deepEqual(await keys.get("a"), apiKey("a", 1));
    assert.equal(await keys.get("c"), undefined);
    assert.deepEqual((await keys.list()).map(({ keyId }) => keyId), ["b", "a"]);
    await keys.revoke("a", 7);
    await keys.revoke("a", 9);
    await keys.touch("a", 8);
    const { revokedAt, lastUsedAt } = (await keys.get("a"))!;
    assert.deepEqual({ revokedAt, lastUsedAt }, { revokedAt: 7, lastUsedAt: 8 });
    await keys.addTokens({ keyId: "a", day: 100, tokens: 5 });
    await keys.addTokens({ keyId: "a", day: 100, tokens: 6 });
    await keys.addTokens({ keyId: "a", day: 101, tokens: 1 });
    await keys.addTokens({ keyId: "none", day: 100, tokens: 1 });
    assert.equal(await keys.tokensOn("a", 100), 11);
    assert.equal(await keys.tokensOn("a", 102), 0);
    assert.equal(await keys.tokensOn("none", 100), 0);
  },

  async "a revoked key's requests store no more responses"({ keys, responses }) {
    await keys.add(apiKey("a", 1));
    await responses.add(storedResponse("r1", { tenant: "a" }));
    await keys.revoke("a", 2);
    assert.equal(await responses.removeOf("a"), 1);
    await responses.add(storedResponse("r2", { tenant: "a" }));
    await responses.add(storedResponse("r3", { tenant: "b" }));
    assert.deepEqual((await responses.page({ limit: 9 })).map(({ id }) => id), ["r3"]);
  },

  async "a job keeps what it asks in one call, until that is erased"(store, { reopen }) {
    const call = { kind: "embed", input: ["secret words", [1, 2]] } as const;
    await accept(store, "j1");
    await accept(store, "j2", { call });
    const again = await reopen();
    assert.deepEqual((await again.unfinished()).map((row) => row.call), [undefined, call]);
    await again.append("j2", () => ({
      events: [],
      patch: { status: "completed", endedAt: 3000, contentExpiresAt: 4000 },
    }));
    await again.expire(4000, 0);
    const { request, call: erased } = (await again.get("j2"))!;
    assert.deepEqual([request, erased], [undefined, undefined]);
  },

  async "size() and failure() report the state of the store"(store) {
    await accept(store, "j1");
    await store.tidy();
    assert.ok(store.size().bytes > 0);
    assert.equal(store.failure(), undefined);
  },
};

const ALL_CASES = { ...CASES, ...RESPONSE_CASES, ...FILE_CASES, ...IMAGE_CASES, ...BATCH_CASES };

/**
 * Registers the tests of one kind of store.
 *
 * @param whyNot Why there is none here: then its tests are skipped.
 */
export function storeCases(
  name: string,
  makeHome: () => Promise<StoreHome>,
  whyNot?: string,
): void {
  const reason = whyNot === undefined ? "" : ` (skipped: ${whyNot})`;
  for (const [behaviour, run] of Object.entries(ALL_CASES)) {
    const fn = async () => {
      const home = await makeHome();
      const open = async () => {
        const store = await home.open();
        await store.begin();
        return store;
      };
      let store = await open();
      try {
        await run(store, {
          failWrites: () => home.failWrites(),
          async reopen() {
            await store.close();
            return store = await open();
          },
        });
      } finally {
        await store.close();
        await home.remove();
      }
    };
    Deno.test({ name: `${name}: ${behaviour}${reason}`, ignore: reason !== "", fn });
  }
}
