import assert from "node:assert/strict";
import { Batcher, type Part } from "./batcher.ts";
import type { NativeContext } from "./native.ts";

/** A context that records its batches; `fails` says which batches cannot be computed. */
function fakeContext(fails: (batch: readonly Added[]) => boolean = () => false) {
  const decoded: Added[][] = [];
  const removed: number[] = [];
  let batch: Added[] = [];
  let sampling = 0;
  let mostAtOnce = 0;
  const native = {
    initBatch: () => batch = [],
    addToBatch(sequence: number, position: number, tokens: Uint32Array, outputs: Uint32Array) {
      const before = batch.reduce((sum, part) => sum + part.tokens.length, 0);
      batch.push({ sequence, position, tokens: [...tokens] });
      return outputs.map((index) => before + index);
    },
    async decodeBatch() {
      const own = batch;
      decoded.push(own);
      await Promise.resolve();
      assert.equal(sampling, 0, "a batch began while tokens were chosen");
      if (fails(own)) throw new Error("out of memory");
    },
    async sampleToken(row: number) {
      mostAtOnce = Math.max(mostAtOnce, ++sampling);
      await new Promise((resolve) => setTimeout(resolve, 1));
      sampling--;
      return [row];
    },
    removeTokenCellsFromSequence: (sequence: number) => removed.push(sequence) > 0,
  } as unknown as NativeContext;
  return { native, decoded, removed, mostAtOnce: () => mostAtOnce };
}

interface Added {
  readonly sequence: number;
  readonly position: number;
  readonly tokens: readonly number[];
}

function open(context: { native: NativeContext }, batchSize = 8) {
  const batcher = new Batcher({
    native: context.native,
    batchSize,
    compute: (decode) => decode(),
  });
  const run = (sequence: number, tokens: number[], position = 0) => {
    const part: Part = { sequence, position, tokens, outputs: 1, adapter: undefined };
    return batcher.run(part, async ([row], sample) => {
      const [token] = await sample(row!, {} as never, { all: false, own: false });
      return token;
    });
  };
  return { batcher, run };
}

Deno.test("Batcher computes the requests of one turn together, and the next batch once all tokens are chosen", async () => {
  const context = fakeContext();
  const { run } = open(context);
  const rows = await Promise.all([run(0, [1, 2]), run(1, [3]), run(2, [4, 5, 6])]);
  assert.deepEqual(rows, [1, 2, 5]);
  assert.equal(context.decoded.length, 1);
  // The first request runs alone; the others wait for it, and then run side by side.
  assert.equal(context.mostAtOnce(), 2);
  await Promise.all([run(0, [7]), run(1, [8])]);
  assert.equal(context.decoded.length, 2);
});

Deno.test("Batcher evaluates a part that is larger than a batch piece by piece", async () => {
  const context = fakeContext();
  const { run } = open(context, 4);
  const tokens = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  assert.equal(await run(3, tokens, 10), 0);
  assert.deepEqual(context.decoded, [
    [{ sequence: 3, position: 10, tokens: [1, 2, 3, 4] }],
    [{ sequence: 3, position: 14, tokens: [5, 6, 7, 8] }],
    [{ sequence: 3, position: 18, tokens: [9] }],
  ]);
});

Deno.test("Batcher: only the part without memory fails, and the rest continues", async () => {
  const context = fakeContext((batch) => batch.some(({ tokens }) => tokens.includes(666)));
  const { run } = open(context);
  const [one, bad, other] = await Promise.allSettled([run(0, [1]), run(1, [666]), run(2, [2])]);
  assert.equal(one!.status, "fulfilled");
  assert.equal(other!.status, "fulfilled");
  assert.ok(bad!.status === "rejected" && /out of memory/.test(String(bad!.reason)));
  assert.deepEqual(context.decoded.map((batch) => batch.map(({ sequence }) => sequence)), [
    [0, 1, 2],
    [0],
    [1],
    [2],
  ]);
  assert.equal(await run(1, [3]), 0);
});

Deno.test("Batcher runs other work between two batches, and its failure delays no batch", async () => {
  const context = fakeContext();
  const { batcher, run } = open(context);
  const order: string[] = [];
  const first = run(0, [1]).then(() => order.push("first"));
  const failed = batcher.between(() => {
    order.push("between");
    return Promise.reject(new Error("no such file"));
  });
  await assert.rejects(failed, /no such file/);
  await first;
  await run(1, [2]);
  assert.deepEqual(order, ["first", "between"]);
});
