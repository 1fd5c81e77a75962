import assert from "node:assert/strict";
import { join } from "node:path";
import { weightsComparer } from "./same_weights.ts";

Deno.test("files are compared by their weights, and compared again once they have changed", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const [first, copy, other, link] = ["a", "b", "c", "d"].map((name) =>
      join(dir, `${name}.gguf`)
    );
    const bytes = new Uint8Array(3_000_001).fill(7);
    await Deno.writeFile(first!, bytes);
    await Deno.writeFile(copy!, bytes);
    await Deno.link(first!, link!);
    await Deno.writeFile(other!, bytes.map((byte, at) => at < 1000 ? byte : byte + 1));
    const isAlike = weightsComparer();
    assert.equal(await isAlike(first!, copy!), true);
    assert.equal(await isAlike(first!, link!), true);
    assert.equal(await isAlike(first!, other!), false);
    await Deno.writeFile(copy!, bytes.fill(8, 2_999_000));
    await Deno.utime(copy!, 1, 1);
    assert.equal(await isAlike(first!, copy!), false);
    assert.equal(
      await isAlike(first!, join(dir, "gone.gguf")),
      true,
      "a missing file is reported by the scan",
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
