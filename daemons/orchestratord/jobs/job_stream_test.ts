import assert from "node:assert/strict";
import type { NumberedEvent } from "../store/job_store.ts";
import { JobStream, type StreamItem } from "./job_stream.ts";

const token = (id: number): NumberedEvent => ({
  id,
  event: { event: "token", data: { t: `${id}`, i: id - 1, ids: [id] } },
});
const end = (id: number): NumberedEvent => ({
  id,
  event: { event: "error", data: { code: "CANCELLED", message: "x", retriable: false } },
});

async function readAll(stream: JobStream, after = 0): Promise<number[]> {
  const ids: number[] = [];
  for await (const items of stream.read(after, new AbortController().signal)) {
    for (const item of items) if (item.kind === "event") ids.push(item.id);
  }
  return ids;
}

Deno.test("a reader gets every event once, whenever it joins", async () => {
  const stream = new JobStream(undefined);
  const early = readAll(stream);
  stream.publish([token(1)]);
  await Promise.resolve();
  stream.publish([token(2), token(3)]);
  const late = readAll(stream, 1);
  stream.publish([end(4)]);
  assert.deepEqual(await early, [1, 2, 3, 4]);
  assert.deepEqual(await late, [2, 3, 4]);
  assert.deepEqual(await readAll(stream), [1, 2, 3, 4]);
});

Deno.test("a slow reader finds old events in the backlog", async () => {
  const kept: NumberedEvent[] = [];
  const stream = new JobStream((after, limit) =>
    Promise.resolve(kept.filter((each) => each.id > after).slice(0, limit))
  );
  for (let id = 1; id <= 3000; id++) {
    kept.push(token(id));
    stream.publish([token(id)]);
  }
  kept.push(end(3001));
  stream.publish([end(3001)]);
  const ids = await readAll(stream);
  assert.deepEqual(ids, Array.from({ length: 3001 }, (_, index) => index + 1));
});

Deno.test("a reader sees the newest metrics only, and none after the end", async () => {
  const stream = new JobStream(undefined);
  const metrics = { tokens_out: 1, decode_time_ms: 1, tokens_per_second: 1, attempt: 1 };
  stream.setMetrics(metrics);
  stream.setMetrics({ ...metrics, tokens_out: 2 });
  const items: StreamItem[] = [];
  const reader = (async () => {
    for await (const came of stream.read(0, new AbortController().signal)) items.push(...came);
  })();
  await new Promise((resolve) => setTimeout(resolve, 0));
  stream.publish([end(1)]);
  stream.setMetrics(metrics);
  await reader;
  assert.deepEqual(items.map((item) => item.kind === "metrics" ? item.data.tokens_out : item.id), [
    2,
    1,
  ]);
});

Deno.test("metrics come before the events that were published after them", async () => {
  const stream = new JobStream(undefined);
  const metrics = { tokens_out: 0, decode_time_ms: 0, tokens_per_second: 0, attempt: 1 };
  const order = async (after: number) => {
    const kinds: (string | number)[] = [];
    for await (const items of stream.read(after, new AbortController().signal)) {
      for (const item of items) kinds.push(item.kind === "metrics" ? item.kind : item.id);
    }
    return kinds;
  };
  stream.publish([token(1)]);
  const reading = order(1);
  await Promise.resolve();
  stream.setMetrics(metrics);
  stream.publish([token(2)]);
  stream.publish([end(3)]);
  assert.deepEqual(await reading, ["metrics", 2, 3]);
  // One that is behind, and one that has all.
  assert.deepEqual(await order(0), [1, 2, 3]);
  assert.deepEqual(await order(3), []);
});

Deno.test("a reader whose signal aborts ends and is no longer counted", async () => {
  const stream = new JobStream(undefined);
  const gone = new AbortController();
  const reader = stream.read(0, gone.signal);
  const next = reader.next();
  assert.equal(stream.readers, 1);
  gone.abort();
  assert.equal((await next).done, true);
  assert.equal(stream.readers, 0);
});

Deno.test("publish() refuses a gap and ignores what comes after the end", () => {
  const stream = new JobStream(undefined);
  assert.throws(() => stream.publish([token(2)]), RangeError);
  stream.publish([end(1)]);
  stream.publish([token(2)]);
  assert.equal(stream.lastId, 1);
});
