import assert from "node:assert/strict";
import { watchListener } from "./listener_watch.ts";

/** Watches a real port; `counts` says whether connections count as accepted. */
function watched(counts: boolean, probing: (isProbing: boolean) => void = () => {}) {
  let accepted = 0;
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const arrived = Promise.withResolvers<void>();
  const accepting = (async () => {
    for await (const connection of listener) {
      if (counts) accepted++;
      arrived.resolve();
      connection.close();
    }
  })();
  const reopened = Promise.withResolvers<void>();
  let reopens = 0;
  const watch = watchListener({
    address: "127.0.0.1",
    port: listener.addr.port,
    everyMs: 10,
    accepted: () => accepted,
    probing,
    reopen() {
      reopens++;
      reopened.resolve();
      return Promise.resolve();
    },
    onFailure: (error) => reopened.reject(error),
  });
  return {
    arrived: arrived.promise,
    reopened: reopened.promise,
    async close() {
      await watch.close();
      listener.close();
      await accepting;
      return reopens;
    },
  };
}

Deno.test("a listener that takes nothing, though it can be connected to, is opened again", async () => {
  const deaf = watched(false);
  await deaf.reopened;
  assert.ok(await deaf.close() >= 1);
});

Deno.test("a listener that accepts connections is left alone", async () => {
  const well = watched(true);
  await well.arrived;
  assert.equal(await well.close(), 0);
});

Deno.test("a listener of a process that stands still is left alone", async () => {
  let probes = 0;
  const twice = Promise.withResolvers<void>();
  const well = watched(true, (isProbing) => {
    if (!isProbing) return;
    if (++probes === 3) twice.resolve();
    // Before the connection can be accepted.
    queueMicrotask(() => {
      const until = performance.now() + (probes < 3 ? 2_100 : 0);
      while (performance.now() < until);
    });
  });
  await twice.promise;
  assert.equal(await well.close(), 0);
});
