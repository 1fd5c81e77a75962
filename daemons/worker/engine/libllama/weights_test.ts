import assert from "node:assert/strict";
import { join } from "node:path";
import { writeRandomModel } from "../../../../tests/support/models.ts";
import { weightsOf } from "./weights.ts";

const folder = Deno.makeTempDirSync({ prefix: "llorch-weights-" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

Deno.test("weights count where their layers are, and what belongs to no layer on the CPU", async () => {
  const path = join(folder, "random.gguf");
  const [width, vocabulary, layers] = [128, 1_024, 2];
  writeRandomModel(path, { layers, width, vocabulary, heads: 4, kvHeads: 2, feedForward: 256 });
  const embeddings = 4 * width * vocabulary;
  const whole = await weightsOf(path, ["CPU", "CPU", "CPU"]);
  const size = (await Deno.stat(path)).size;
  assert.equal(whole.fileBytes, size);
  assert.ok(whole.dataBytes < size);
  assert.deepEqual([...whole.byDevice.keys()], ["CPU"]);
  const { byDevice } = await weightsOf(path, ["CPU", "GPU", "GPU"]);
  const layer = byDevice.get("GPU")! - embeddings - 4 * width;
  assert.equal(byDevice.get("CPU"), embeddings + layer);
  assert.equal(byDevice.get("GPU")! + byDevice.get("CPU")!, whole.byDevice.get("CPU"));
});

Deno.test("a tensor that is held elsewhere than its layer counts there", async () => {
  const path = join(folder, "overridden.gguf");
  writeRandomModel(path, { layers: 2 });
  const layers = ["GPU", "GPU", "GPU"];
  const { byDevice: plain } = await weightsOf(path, layers);
  const isElsewhere = (name: string) => /^blk\.1\.ffn/.test(name) ? "CPU" : undefined;
  const { byDevice } = await weightsOf(path, layers, isElsewhere);
  const moved = plain.get("GPU")! - byDevice.get("GPU")!;
  assert.ok(moved > 0);
  assert.equal(byDevice.get("CPU"), plain.get("CPU")! + moved);
});
