import assert from "node:assert/strict";
import type { WorkerEvent } from "#shared/contracts/events.ts";
import { delay } from "#shared/lifecycle.ts";
import { EventStream } from "./event_stream.ts";

const token = (i: number): WorkerEvent => ({ event: "token", data: { t: "x", i, ids: [i] } });
const last: WorkerEvent = {
  event: "error",
  data: { code: "CANCELLED", message: "m", retriable: false },
};

function open(options: { limit?: number; lingerMs?: number } = {}) {
  const calls = { room: 0, gone: 0 };
  const stream = new EventStream({
    limit: options.limit ?? 4,
    lingerMs: options.lingerMs ?? 1000,
    onRoom: () => calls.room++,
    onGone: () => calls.gone++,
  });
  return { stream, calls };
}

async function text(chunk: Promise<ReadableStreamReadResult<Uint8Array>>): Promise<string> {
  return new TextDecoder().decode((await chunk).value);
}

Deno.test("EventStream passes an event to a waiting reader", async () => {
  const { stream } = open();
  const reader = stream.body.getReader();
  const read = reader.read();
  stream.push(token(0));
  assert.match(await text(read), /^event: token\ndata: .*\n\n$/);
  await reader.cancel();
});

Deno.test("EventStream is full at its limit and has room again once the reader takes", async () => {
  const { stream, calls } = open({ limit: 2 });
  stream.push(token(0));
  assert.equal(stream.full, false);
  stream.push(token(1));
  assert.equal(stream.full, true);
  await delay(5);
  assert.ok(stream.fullForMs >= 4);
  const reader = stream.body.getReader();
  assert.equal((await text(reader.read())).match(/event: token/g)?.length, 2);
  assert.deepEqual([stream.full, stream.fullForMs, calls.room], [false, 0, 1]);
  await reader.cancel();
});

Deno.test("EventStream ends after its last event, and takes nothing more", async () => {
  const { stream } = open();
  stream.push(token(0));
  stream.end(last);
  stream.push(token(1));
  stream.end(last);
  const all = await new Response(stream.body).text();
  assert.equal(all.match(/^event: \w+/gm)?.join(), "event: token,event: error");
});

Deno.test("EventStream that ends while its reader waits closes at once", async () => {
  const { stream } = open();
  const all = new Response(stream.body).text();
  await delay(1);
  stream.end(last);
  assert.equal((await all).match(/^event: \w+/gm)?.length, 1);
});

Deno.test("EventStream reports when its reader leaves", async () => {
  const { stream, calls } = open();
  await stream.body.cancel();
  assert.equal(calls.gone, 1);
  stream.push(token(0));
  stream.end(last);
});

Deno.test("EventStream closes itself when its end is not read", async () => {
  const { stream } = open({ lingerMs: 10 });
  stream.end(last);
  await delay(30);
  await assert.rejects(stream.body.getReader().read(), /did not read the end/);
});
