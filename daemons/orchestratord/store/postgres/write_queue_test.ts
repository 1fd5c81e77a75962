import assert from "node:assert/strict";
import { Fenced } from "../fenced.ts";
import { WriteQueue, type WriteQueueOptions } from "./write_queue.ts";

/** An error as PostgreSQL reports it. */
const state = (code: string) => Object.assign(new Error(`state ${code}`), { code });

/** A queue of texts that records its batches; `fail` decides what happens to each. */
function queueOf(
  fail: (writes: readonly string[], batch: number) => unknown,
  more: Partial<WriteQueueOptions<string>> = {},
) {
  const batches: string[] = [];
  const queue = new WriteQueue<string>({
    everyMs: 0,
    most: 10,
    carryOut(writes, isAgain) {
      const batch = batches.push(writes.join() + (isAgain ? " again" : ""));
      const error = fail(writes, batch);
      if (error !== undefined) return Promise.reject(error);
      return Promise.resolve(writes.map((write) => ({ value: `${write} done` })));
    },
    ...more,
  });
  return { queue, batches };
}

Deno.test("writes of one turn are one batch, and what comes meanwhile is the next", async () => {
  const { queue, batches } = queueOf(() => undefined, { most: 2 });
  const written = Promise.all(["a", "b", "c"].map((write) => queue.write(write)));
  assert.deepEqual(await written, ["a done", "b done", "c done"]);
  await queue.keep("d");
  assert.deepEqual(batches, ["a,b", "c", "d"]);
  await queue.close();
});

Deno.test("a batch whose outcome is unknown is sent again, as it was", async () => {
  const { queue, batches } = queueOf((_, batch) => batch < 3 ? new Error("reset") : undefined);
  const [first] = await Promise.all([queue.write("a"), queue.keep("b")]);
  assert.equal(first, "a done");
  assert.deepEqual(batches, ["a,b", "a,b again", "a,b again"]);
  assert.equal(queue.failure, undefined);
  await queue.close();
});

Deno.test("a write that is refused fails alone", async () => {
  const refused = state("23505");
  const { queue } = queueOf((writes) => writes.includes("b") ? refused : undefined);
  const all = await Promise.allSettled(["a", "b", "c"].map((write) => queue.keep(write)));
  assert.deepEqual(all.map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assert.equal(queue.failure, undefined);
  await queue.close();
});

Deno.test("on a full disk write() fails, keep() waits, and reads do not", async () => {
  let isFull = true;
  const news: unknown[] = [];
  const failed = Promise.withResolvers<void>();
  const { queue, batches } = queueOf(() => isFull ? state("53100") : undefined, {
    onFailure(reason) {
      news.push(reason);
      failed.resolve();
    },
  });
  const kept = queue.keep("a");
  await assert.rejects(queue.write("b"), { code: "NOT_READY" });
  await failed.promise;
  await assert.rejects(queue.write("c"), { code: "NOT_READY" });
  await queue.settled();
  const later = queue.keep("d");
  isFull = false;
  assert.deepEqual(await Promise.all([kept, later]), ["a done", "d done"]);
  assert.deepEqual(news, ["state 53100", undefined]);
  assert.ok(batches.every((batch) => !batch.includes("c")));
  assert.equal(await queue.write("e"), "e done");
  await queue.close();
});

Deno.test("without writes that wait, it finds out itself that writes work again", async () => {
  let isFull = true;
  const works = Promise.withResolvers<void>();
  const { queue, batches } = queueOf(() => isFull ? state("53100") : undefined, {
    onFailure: (reason) => void (reason === undefined && works.resolve()),
  });
  await assert.rejects(queue.write("a"), { code: "NOT_READY" });
  isFull = false;
  await works.promise;
  assert.equal(batches.at(-1), " again");
  await queue.close();
});

Deno.test("a fenced writer's writes are all refused, also those that wait", async () => {
  const { queue } = queueOf(() => new Fenced());
  await assert.rejects(queue.keep("a"), Fenced);
  await assert.rejects(queue.write("b"), Fenced);
  assert.equal(queue.failure, undefined);
  await queue.close();
});

Deno.test("close() tries what waits for the last time, and refuses it", async () => {
  const { queue } = queueOf(() => new Error("reset"));
  const waiting = queue.keep("a");
  const refused = assert.rejects(waiting);
  await queue.close();
  await refused;
  await assert.rejects(queue.write("b"), /is closed/);
});
