import assert from "node:assert/strict";
import { join } from "node:path";
import { isSealed, sealFile } from "./seal.ts";

Deno.test("a sealed file is whole; one that is cut, longer or changed anywhere is not", async () => {
  const dir = await Deno.makeTempDir();
  try {
    for (const length of [0, 1, 1 << 20, 2_500_000]) {
      const path = join(dir, `${length}`);
      await Deno.writeFile(path, Uint8Array.from({ length }, (_, at) => at * 7));
      assert.equal(await isSealed(path), false);
      await sealFile(path);
      assert.equal(await isSealed(path), true);
      const whole = await Deno.readFile(path);
      assert.equal(whole.length, length + 8);
      for (const at of [0, length >> 1, length, whole.length - 1]) {
        const damaged = whole.slice();
        damaged[at]! ^= 1;
        await Deno.writeFile(path, damaged);
        assert.equal(await isSealed(path), false, `byte ${at} of ${length}`);
      }
      for (
        const other of [whole.subarray(0, -1), whole.subarray(1), [...whole.subarray(0, 9), 0]]
      ) {
        await Deno.writeFile(path, Uint8Array.from(other));
        assert.equal(await isSealed(path), false);
      }
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
