import assert from "node:assert/strict";
import { encodeSse, encodeSseData, readSse, SSE, type SseMessage } from "./sse.ts";

/** The messages of a body that arrives in these pieces. */
function read(...pieces: (string | Uint8Array)[]): Promise<SseMessage[]> {
  const encoder = new TextEncoder();
  const body = ReadableStream.from(
    pieces.map((piece) => typeof piece === "string" ? encoder.encode(piece) : piece),
  );
  return Array.fromAsync(readSse(body));
}

Deno.test("readSse() reads what encodeSse() writes, one byte at a time", async () => {
  const data = { t: "é\n\u2028 ", i: 0 };
  const bytes = encodeSse("token", data, 7);
  const pieces = Array.from(bytes, (byte) => new Uint8Array([byte]));
  const [message, ...rest] = await read(...pieces);
  assert.deepEqual(rest, []);
  assert.equal(message?.event, "token");
  assert.equal(message?.id, "7");
  assert.deepEqual(JSON.parse(message?.data ?? ""), data);
});

Deno.test("readSse() skips comments and names nameless events message", async () => {
  assert.deepEqual(await read(SSE.keepAlive!, encodeSseData("[DONE]"), SSE.keepAlive!), [
    { event: "message", data: "[DONE]" },
  ]);
});

Deno.test("readSse() reads carriage returns, fields in any order and several data lines", async () => {
  assert.deepEqual(await read("id: 1\r\ndata: a\r\ndata:b\r\nevent: x\r\n\r\n"), [
    { event: "x", id: "1", data: "a\nb" },
  ]);
});

Deno.test("readSse() does not return a message that was cut off", async () => {
  assert.deepEqual(await read("event: end\ndata: {}\n"), []);
});

Deno.test("readSse() refuses a message that never ends", async () => {
  const piece = "x".repeat(1024 * 1024);
  const pieces = Array.from({ length: 10 }, () => piece);
  await assert.rejects(read("data: ", ...pieces, "\n\n"));
});

Deno.test("leaving the loop of readSse() cancels the body", async () => {
  const cancelled = Promise.withResolvers<void>();
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(encodeSse("token", {})),
    cancel: () => cancelled.resolve(),
  });
  for await (const message of readSse(body)) {
    assert.equal(message.event, "token");
    break;
  }
  await cancelled.promise;
});
