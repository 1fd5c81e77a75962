import assert from "node:assert/strict";
import { delay } from "../lifecycle.ts";
import { listen } from "./serve.ts";
import { SSE } from "./sse.ts";
import { type StreamOptions, StreamResponse } from "./stream_response.ts";

const text = new TextDecoder();
const bytes = new TextEncoder();

/** Requests a stream of these frames from a server. */
async function ask(
  frames: AsyncGenerator<Uint8Array>,
  options: StreamOptions,
  test: (response: Response) => Promise<void>,
): Promise<void> {
  const server = await listen(
    { hostname: "127.0.0.1", port: 0 },
    () => new StreamResponse(frames, options),
  );
  try {
    await test(await fetch(server.url));
  } finally {
    await server.close(0);
  }
}

Deno.test("a StreamResponse has status, headers and every frame, then an end", async () => {
  async function* frames() {
    yield bytes.encode("a");
    yield bytes.encode("b");
  }
  await ask(frames(), { format: SSE, keepAliveMs: 1000, status: 202 }, async (response) => {
    assert.equal(response.status, 202);
    assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.equal(response.headers.get("x-accel-buffering"), "no");
    assert.equal(await response.text(), "ab");
  });
});

Deno.test("a StreamResponse sends a comment after silence, and loses no frame by it", async () => {
  async function* frames() {
    await delay(50);
    yield bytes.encode("frame");
  }
  await ask(frames(), { format: SSE, keepAliveMs: 15 }, async (response) => {
    assert.match(await response.text(), /^(: keep-alive\n\n)+frame$/);
  });
});

Deno.test("a StreamResponse says its note when it opens, and instead of keep-alives while it has one", async () => {
  const enough = Promise.withResolvers<void>();
  let count = 0;
  const note = () => {
    if (count < 3) return `note ${++count}`;
    enough.resolve();
    return undefined;
  };
  async function* frames() {
    await enough.promise;
    yield bytes.encode("frame");
  }
  await ask(frames(), { format: SSE, keepAliveMs: 40, note }, async (response) => {
    const all = await response.text();
    assert.match(all, /^: note 1\n\n: note 2\n\n: note 3\n\n(?:: keep-alive\n\n)*frame$/);
  });
});

Deno.test("a StreamResponse of a format without comments says no note", async () => {
  async function* frames() {
    await delay(50);
    yield bytes.encode("frame");
  }
  const options = { format: { contentType: "text/plain" }, keepAliveMs: 10, note: () => "x" };
  await ask(frames(), options, async (response) => {
    assert.equal(await response.text(), "frame");
  });
});

Deno.test("the head of a StreamResponse does not wait for its first frame", async () => {
  const allowed = Promise.withResolvers<void>();
  async function* frames() {
    await allowed.promise;
    yield bytes.encode("a");
  }
  await ask(frames(), { format: SSE, keepAliveMs: 60_000 }, async (response) => {
    assert.equal(response.status, 200);
    allowed.resolve();
    assert.equal(await response.text(), "a");
  });
});

Deno.test("a StreamResponse breaks off when its frames do", async () => {
  const read = Promise.withResolvers<void>();
  async function* frames() {
    yield bytes.encode("a");
    await read.promise;
    throw new Error("boom");
  }
  await ask(frames(), { format: SSE, keepAliveMs: 1000 }, async (response) => {
    const reader = response.body!.getReader();
    assert.equal(text.decode((await reader.read()).value), "a");
    read.resolve();
    await assert.rejects(reader.read());
  });
});

/** Endless frames of 64 KiB; counts them, and notes whether the iterator was closed. */
function endless() {
  const state = { made: 0, returned: Promise.withResolvers<void>() };
  async function* frames() {
    const frame = new Uint8Array(64 * 1024).fill(0x20);
    try {
      while (true) {
        state.made++;
        yield frame;
      }
    } finally {
      state.returned.resolve();
    }
  }
  return { state, frames: frames() };
}

Deno.test("a slow client slows the frames down; when it leaves, their iterator is closed", async () => {
  const { state, frames } = endless();
  const server = await listen(
    { hostname: "127.0.0.1", port: 0 },
    () => new StreamResponse(frames, { format: SSE, keepAliveMs: 1000 }),
  );
  const socket = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await socket.write(bytes.encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  await socket.read(new Uint8Array(10));

  let before = -1;
  for (let round = 0; round < 50 && before !== state.made; round++) {
    before = state.made;
    await delay(100);
  }
  // The socket buffers of both sides are full, and no more frames are made.
  assert.equal(state.made, before);
  assert.ok(state.made * 64 < 32 * 1024, `${state.made} frames were made for a client that sleeps`);

  socket.close();
  await state.returned.promise;
  await server.close(0);
});

Deno.test("a client that leaves a silent stream is noticed, and the iterator of its frames is closed", async () => {
  const left = Promise.withResolvers<void>();
  const server = await listen({ hostname: "127.0.0.1", port: 0 }, (request) => {
    async function* frames() {
      try {
        yield bytes.encode("a");
        await delay(60_000, request.signal);
      } finally {
        left.resolve();
      }
    }
    return new StreamResponse(frames(), { format: SSE, keepAliveMs: 60_000 });
  });
  const response = await fetch(server.url);
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  await left.promise;
  await server.close(0);
});

Deno.test("a client that reads nothing for too long is cut off, and can read the last frame", async () => {
  const { state, frames } = endless();
  const closed = Promise.withResolvers<void>();
  const server = await listen({ hostname: "127.0.0.1", port: 0 }, () =>
    new StreamResponse(frames, {
      format: SSE,
      keepAliveMs: 1000,
      slowReader: { afterMs: 200, lastFrame: () => bytes.encode("LAST FRAME") },
      onClose: closed.resolve,
    }));
  const socket = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await socket.write(bytes.encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  await state.returned.promise;
  await closed.promise;
  let end = "";
  const chunk = new Uint8Array(1024 * 1024);
  while (!end.endsWith("0\r\n\r\n")) {
    const count = await socket.read(chunk);
    assert.ok(count !== null, "The stream ended without its last frame");
    end = (end + text.decode(chunk.subarray(0, count))).slice(-100);
  }
  assert.match(end, /LAST FRAME/);
  socket.close();
  await server.close(0);
});

Deno.test("a client that reads now and then, or waits for data, is not cut off", async () => {
  async function* frames() {
    for (let i = 0; i < 5; i++) {
      await delay(60);
      yield bytes.encode(String(i));
    }
  }
  let closes = 0;
  await ask(frames(), {
    format: SSE,
    keepAliveMs: 1000,
    slowReader: { afterMs: 40, lastFrame: () => bytes.encode("LAST FRAME") },
    onClose: () => closes++,
  }, async (response) => assert.equal(await response.text(), "01234"));
  assert.equal(closes, 1);
});
