/**
 * The behaviour that the responses of every store must have; part of the store's cases.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Store } from "../store/job_store.ts";
import type { ResponseRow } from "../store/response_store.ts";
import { until } from "../../../tests/support/stack.ts";
import type { Case } from "./store_cases.ts";

/** A response that ended at 1000, with 100 bytes of text. */
export function storedResponse(id: string, changes: Partial<ResponseRow> = {}): ResponseRow {
  return {
    id,
    tenant: "",
    jobId: undefined,
    previousId: undefined,
    model: "m",
    createdAt: 900,
    endedAt: 1000,
    usedAt: 1000,
    request: `{"input":"${"q".repeat(28)}"}`,
    response: `{"output":"${"a".repeat(47)}"}`,
    ...changes,
  };
}

/** A response whose job runs. */
export function runningResponse(id: string, changes: Partial<ResponseRow> = {}): ResponseRow {
  return storedResponse(id, {
    jobId: `job of ${id}`,
    endedAt: undefined,
    response: undefined,
    ...changes,
  });
}

/** Ids of the stored responses, newest first. */
async function kept({ responses }: Store): Promise<string[]> {
  return (await responses.page({ limit: 1000 })).map(({ id }) => id);
}

const NO_BOUNDS = { count: Infinity, bytes: Infinity };

/** Cases of {@linkcode ResponseStore}. */
export const RESPONSE_CASES: Readonly<Record<string, Case>> = {
  async "a response is returned as it was stored, after a new start too"(store, { reopen }) {
    const whole = storedResponse("r1", {
      tenant: "t",
      jobId: "j",
      previousId: "r0",
      request: '{"input":"né 😀\\u0000"}',
      response: '{"output":12345678901234567890}',
    });
    const bare = runningResponse("r2", { jobId: undefined });
    await store.responses.add(whole);
    await store.responses.add(bare);
    await assert.rejects(store.responses.add(whole));
    const { responses } = await reopen();
    assert.deepEqual(await responses.get("r1"), whole);
    assert.deepEqual(await responses.get("r2"), bare);
    assert.equal(await responses.get("r3"), undefined);
  },

  async "a read of a response sees earlier writes, even if they were not awaited"({ responses }) {
    const writes = [responses.add(runningResponse("r1")), responses.finish("r1", "{}", 2000)];
    assert.equal((await responses.get("r1"))?.response, "{}");
    await Promise.all(writes);
  },

  async "finish() ends a response once, and counts as a use"(store, { reopen }) {
    await store.responses.add(runningResponse("r1"));
    await store.responses.finish("r1", '{"a":1}', 2000);
    await store.responses.finish("r1", '{"a":2}', 3000);
    await store.responses.finish("none", "{}", 3000);
    const { responses } = await reopen();
    const { response, endedAt, usedAt } = (await responses.get("r1"))!;
    assert.deepEqual({ response, endedAt, usedAt }, {
      response: '{"a":1}',
      endedAt: 2000,
      usedAt: 2000,
    });
    assert.deepEqual(await kept({ ...store, responses }), ["r1"]);
  },

  async "touch() notes the latest use"({ responses }) {
    await responses.add(storedResponse("r1"));
    await responses.touch("r1", 3000);
    await responses.touch("r1", 2000);
    await responses.touch("none", 2000);
    assert.deepEqual(await responses.get("r1"), storedResponse("r1", { usedAt: 3000 }));
  },

  async "remove() removes one response, and says whether there was one"(store) {
    await store.responses.add(storedResponse("r1"));
    await store.responses.add(runningResponse("r2"));
    await store.responses.add(storedResponse("r3"));
    assert.equal(await store.responses.remove("r1"), true);
    assert.equal(await store.responses.remove("r1"), false);
    assert.equal(await store.responses.remove("r2"), true);
    assert.deepEqual(await kept(store), ["r3"]);
  },

  async "unfinished responses come in the order of their creation"({ responses }) {
    // It is neither the order of their ids nor that of their times.
    for (const [id, createdAt] of [["r2", 300], ["r3", 200], ["r1", 100]] as const) {
      await responses.add(runningResponse(id, { createdAt }));
    }
    await responses.add(storedResponse("r4"));
    await responses.finish("r3", "{}", 2000);
    assert.deepEqual((await responses.unfinished()).map(({ id }) => id), ["r2", "r1"]);
    assert.deepEqual((await responses.unfinished())[1], runningResponse("r1", { createdAt: 100 }));
  },

  async "a page of responses has the newest first, with their sizes and without their texts"(
    { responses },
  ) {
    await responses.add(storedResponse("r1", { request: '"é"', response: '"😀"' }));
    await responses.add(runningResponse("r2", { tenant: "t", request: "[]", previousId: "r1" }));
    await responses.add(storedResponse("r3"));
    await responses.finish("r2", '"é"', 2000);
    const page = await responses.page({ limit: 2 });
    assert.deepEqual(page.map(({ id, bytes }) => [id, bytes]), [["r3", 100], ["r2", 6]]);
    const [last] = await responses.page({ limit: 2, before: "r2" });
    assert.deepEqual([last?.id, last?.bytes], ["r1", 10]);
    assert.deepEqual(await responses.page({ limit: 2, before: "r1" }), []);
    assert.deepEqual(await responses.page({ limit: 9, tenant: "t" }), [{
      id: "r2",
      tenant: "t",
      jobId: "job of r2",
      previousId: "r1",
      model: "m",
      createdAt: 900,
      endedAt: 2000,
      usedAt: 2000,
      bytes: 6,
      status: undefined,
    }]);
    assert.deepEqual(await responses.page({ limit: 9, tenant: "t", before: "r2" }), []);
  },

  async "a page of responses has the status that each text says, if it can be read"({ responses }) {
    const texts = ['{"output":1,"status":"failed"}', "[".repeat(2000) + "]".repeat(2000)];
    for (const [index, response] of texts.entries()) {
      await responses.add(storedResponse(`r${index}`, { response }));
    }
    await responses.add(runningResponse("r2"));
    const page = await responses.page({ limit: 9 });
    assert.deepEqual(page.map(({ status }) => status), [undefined, undefined, "failed"]);
  },

  async "trim() removes those used longest ago until no more than a number are left"(store) {
    const { responses } = store;
    for (const [id, usedAt] of [["r1", 3000], ["r2", 1000], ["r3", 2000], ["r4", 1000]] as const) {
      await responses.add(storedResponse(id, { tenant: "t", usedAt }));
    }
    await responses.add(storedResponse("other", { tenant: "u", usedAt: 1 }));
    assert.equal(await responses.trim("t", { ...NO_BOUNDS, count: 4 }), 0);
    assert.equal(await responses.trim("t", { ...NO_BOUNDS, count: 3 }), 1);
    assert.deepEqual(await kept(store), ["other", "r4", "r3", "r1"]);
    assert.equal(await responses.trim("t", { ...NO_BOUNDS, count: 1 }), 2);
    assert.deepEqual(await kept(store), ["other", "r1"]);
    assert.equal(await responses.trim("nobody", { count: 0, bytes: 0 }), 0);
  },

  async "trim() removes those used longest ago until their texts keep to a size"(store) {
    const { responses } = store;
    for (const [id, usedAt] of [["r1", 3000], ["r2", 1000], ["r3", 2000]] as const) {
      await responses.add(storedResponse(id, { usedAt }));
    }
    assert.equal(await responses.trim("", { ...NO_BOUNDS, bytes: 300 }), 0);
    assert.equal(await responses.trim("", { ...NO_BOUNDS, bytes: 299 }), 1);
    assert.deepEqual(await kept(store), ["r3", "r1"]);
    assert.equal(await responses.trim("", { ...NO_BOUNDS, bytes: 99 }), 2);
    assert.deepEqual(await kept(store), []);
  },

  async "trim() counts unfinished responses, and leaves them"(store) {
    const { responses } = store;
    await responses.add(runningResponse("r1", { usedAt: 1 }));
    await responses.add(storedResponse("r2"));
    await responses.add(runningResponse("r3", { usedAt: 1 }));
    assert.equal(await responses.trim("", { ...NO_BOUNDS, count: 2 }), 1);
    assert.deepEqual(await kept(store), ["r3", "r1"]);
    assert.equal(await responses.trim("", { count: 0, bytes: 0 }), 0);
    assert.deepEqual(await kept(store), ["r3", "r1"]);
  },

  async "removeOf() removes all responses of a tenant, and no other's"(store, { reopen }) {
    const { responses } = store;
    for (let n = 0; n < 250; n++) await responses.add(storedResponse(`r${n}`, { tenant: "t" }));
    await responses.add(runningResponse("running", { tenant: "t" }));
    await responses.add(storedResponse("other", { tenant: "" }));
    assert.equal(await responses.removeOf("t"), 251);
    assert.equal(await responses.removeOf("t"), 0);
    assert.deepEqual(await kept(await reopen()), ["other"]);
  },

  async "expire() removes ended responses that were last used before a time"(store) {
    const { responses } = store;
    await responses.add(runningResponse("r1", { usedAt: 1 }));
    await responses.add(storedResponse("r2", { usedAt: 1999 }));
    await responses.add(storedResponse("r3", { usedAt: 2000 }));
    await responses.add(storedResponse("r4", { usedAt: 1 }));
    await responses.touch("r4", 5000);
    assert.equal(await responses.expire(2000), 1);
    assert.deepEqual(await kept(store), ["r4", "r3", "r1"]);
    await responses.finish("r1", "{}", 1500);
    assert.equal(await responses.expire(2001), 2);
    assert.deepEqual(await kept(store), ["r4"]);
  },

  async "while writes fail, a new response is refused and the other writes wait, in order"(
    store,
    { failWrites },
  ) {
    const { responses } = store;
    for (const id of ["r1", "r2"]) await responses.add(runningResponse(id));
    for (const id of ["r3", "r4", "r5", "r6"]) {
      await responses.add(storedResponse(id, { tenant: id }));
    }
    const repair = await failWrites();
    try {
      const waiting = Promise.all([
        responses.finish("r1", "{}", 2000),
        responses.touch("r1", 3000),
        responses.remove("r3"),
        responses.trim("r4", { count: 0, bytes: 0 }),
        responses.removeOf("r5"),
        responses.expire(1001),
      ]);
      await until("the failure is seen", () => store.failure() !== undefined);
      await assert.rejects(responses.add(storedResponse("r7")), { code: "NOT_READY" });
      assert.equal((await responses.get("r1"))?.endedAt, undefined);
      assert.equal((await kept(store)).length, 6);
      await repair();
      const [, , ...removed] = await waiting;
      assert.deepEqual(removed, [true, 1, 1, 1]);
    } finally {
      await repair();
    }
    assert.deepEqual(await kept(store), ["r2", "r1"]);
    assert.equal((await responses.get("r1"))?.usedAt, 3000);
    await responses.add(storedResponse("r7"));
  },
};
