import assert from "node:assert/strict";
import { holdsAll, memoryOf, mostGuesses } from "./memory.ts";

const PLAIN = { isRecurrent: false, isHybrid: false, window: 0 };
const shape = { contextPerSlot: 4096, batchSize: 512 };

Deno.test("a cache of windows holds all tokens where that takes no more memory", () => {
  for (const [window, holds] of [[1024, false], [3584, true], [4096, true]] as const) {
    assert.equal(holdsAll({ window }, shape), holds, `${window}`);
    const memory = memoryOf({ ...PLAIN, window }, shape);
    assert.deepEqual(
      memory,
      holds ? { kind: "whole", window } : { kind: "window", window, spare: 512 },
    );
  }
});

Deno.test("recurrent states can be cut least, also beside windows", () => {
  assert.deepEqual(memoryOf(PLAIN, shape), { kind: "whole", window: 0 });
  for (const facts of [{ isRecurrent: true }, { isHybrid: true }, { isHybrid: true, window: 64 }]) {
    assert.deepEqual(memoryOf({ ...PLAIN, ...facts }, shape), { kind: "recurrent" });
  }
});

Deno.test("few tokens are guessed at once where each takes memory or time, and as many as are asked for", () => {
  const [whole, recurrent] = [{ kind: "whole", window: 0 }, { kind: "recurrent" }] as const;
  assert.equal(mostGuesses({ speculative: "lookup" }, whole, 512), 16);
  assert.equal(mostGuesses({ speculative: "mtp" }, whole, 512), 4);
  assert.equal(mostGuesses({ speculative: "lookup" }, recurrent, 512), 4);
  assert.equal(mostGuesses({ draft_tokens: 40 }, recurrent, 512), 40);
  assert.equal(mostGuesses({ draft_tokens: 40 }, recurrent, 32), 30);
  assert.equal(mostGuesses({ draft_tokens: 40 }, recurrent, 1), 0);
});
