import assert from "node:assert/strict";
import { IMAGES } from "../../../tests/support/images.ts";
import { SOUNDS } from "../../../tests/support/sounds.ts";
import { until } from "../../../tests/support/stack.ts";
import { Decoders, type DecodersOptions, startThread } from "./decoders.ts";
import { BadMedia } from "./pixels.ts";

/** Decoders whose threads are counted. */
function counted(options: Partial<DecodersOptions> = {}) {
  const threads = { started: 0, ended: 0 };
  const decoders = new Decoders({
    ...{ mostPixels: 1000, mostSeconds: 10, deadlineMs: 30_000, idleMs: 60_000 },
    start() {
      threads.started++;
      const worker = startThread();
      const terminate = worker.terminate.bind(worker);
      worker.terminate = () => {
        threads.ended++;
        terminate();
      };
      return worker;
    },
    ...options,
  });
  return { decoders, threads };
}

Deno.test("pictures and sound of every format are decoded in one thread without permissions", async () => {
  const { decoders, threads } = counted();
  try {
    const pictures = await Promise.all(
      Object.values(IMAGES).map((file) => decoders.decodeImage(Uint8Array.from(file))),
    );
    for (const { width, height } of pictures) assert.deepEqual([width, height], [6, 4]);
    for (const file of Object.values(SOUNDS)) {
      assert.ok((await decoders.decodeSound(Uint8Array.from(file), 16_000)).length > 2000);
    }
    await assert.rejects(decoders.decodeImage(Uint8Array.of(1, 2, 3)), BadMedia);
    await assert.rejects(decoders.decodeSound(Uint8Array.of(1, 2, 3), 16_000), BadMedia);
    assert.deepEqual(threads, { started: 1, ended: 0 });
  } finally {
    decoders.close();
  }
  assert.equal(threads.ended, 1);
});

Deno.test("the thread ends when there was nothing to decode for a while, and the next one starts it again", async () => {
  const { decoders, threads } = counted({ idleMs: 1 });
  const decode = () => decoders.decodeImage(Uint8Array.from(IMAGES.png));
  // Those that wait keep it.
  await Promise.all(Array.from({ length: 20 }, decode));
  await until("it has ended", () => threads.ended === 1);
  assert.equal(threads.started, 1);
  assert.equal((await decode()).width, 6);
  assert.equal(threads.started, 2);
  await until("it has ended again", () => threads.ended === 2);
});

Deno.test("what takes too long ends the thread, and those behind it get another one", async () => {
  const { decoders, threads } = counted({ deadlineMs: 0 });
  try {
    const both = [IMAGES.png, IMAGES.gif].map((file) =>
      assert.rejects(
        decoders.decodeImage(Uint8Array.from(file)),
        /takes longer than 0 ms to decode/,
      )
    );
    await Promise.all(both);
    assert.deepEqual(threads, { started: 2, ended: 2 });
  } finally {
    decoders.close();
  }
});
