import assert from "node:assert/strict";
import { FakeClock } from "../../tests/support/fake_clock.ts";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { Looks } from "./looks.ts";
import { takeWaiting, untilQuiet } from "./take_waiting.ts";

/** Whether a promise has settled after some turns of the event loop. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  let done = false;
  void promise.then(() => done = true);
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  return done;
}

Deno.test("untilQuiet() returns at once if the last connection is old", async () => {
  const clock = new FakeClock();
  assert.ok(await isDone(untilQuiet(() => -Infinity, clock)));
  assert.ok(await isDone(untilQuiet(() => clock.steady() - 60, clock)));
});

Deno.test("untilQuiet() returns after 60 ms without a new connection", async () => {
  const clock = new FakeClock();
  let acceptedAt = clock.steady();
  const quiet = untilQuiet(() => acceptedAt, clock);
  clock.advance(40);
  acceptedAt = clock.steady();
  clock.advance(20);
  assert.ok(!await isDone(quiet));
  clock.advance(39);
  assert.ok(!await isDone(quiet));
  clock.advance(1);
  assert.ok(await isDone(quiet));
});

Deno.test("untilQuiet() returns after 500 ms if connections keep arriving", async () => {
  const clock = new FakeClock();
  const quiet = untilQuiet(() => clock.steady(), clock);
  for (let n = 0; n < 8; n++) {
    clock.advance(60);
    assert.ok(!await isDone(quiet), `after ${60 * (n + 1)} ms`);
  }
  clock.advance(20);
  assert.ok(await isDone(quiet));
});

/** Connects once from another thread. */
const CLIENT = `self.onmessage = async ({ data: { port, connected } }) => {
  await Deno.connect({ hostname: "127.0.0.1", port });
  Atomics.store(new Int32Array(connected), 0, 1);
}`;

Deno.test("takeWaiting() takes a connection that comes after its own, whenever it comes", async () => {
  for (let moment = 1; moment <= 2; moment++) {
    const sockets = new Map<string, Disposable>();
    const server = createServer((socket) => {
      const close = () => void socket.destroy();
      sockets.set(`${socket.remoteAddress} ${socket.remotePort}`, { [Symbol.dispose]: close });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { address, port } = server.address() as AddressInfo;
    const client = new Worker(`data:text/javascript,${encodeURIComponent(CLIENT)}`, {
      type: "module",
    });
    let looks = 0;
    const accepted = () => {
      // The first look is before our own connection.
      if (looks++ === moment) {
        const connected = new SharedArrayBuffer(4);
        client.postMessage({ port, connected });
        while (Atomics.load(new Int32Array(connected), 0) === 0);
      }
      return sockets.size;
    };
    try {
      await takeWaiting({
        ...{ address, port, accepted, probing: () => {} },
        has: (from) => sockets.has(from),
        next: () => once(server, "connection").then(() => {}),
      }, new Looks(10_000));
      // Two of our own, and between them the client's.
      assert.equal(sockets.size, 3, `at look ${moment}`);
    } finally {
      client.terminate();
      for (const socket of sockets.values()) socket[Symbol.dispose]();
      await new Promise((resolve) => server.close(resolve));
    }
  }
});
