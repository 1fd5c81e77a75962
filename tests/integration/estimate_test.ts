import assert from "node:assert/strict";
import { join } from "node:path";
import { loadMemory, workerRoutes } from "#shared/contracts/worker.ts";
import { createClient } from "#shared/http/client.ts";
import { estimateMemory, type Load, modelMemory } from "#shared/models/estimate.ts";
import { readGguf } from "#shared/models/gguf.ts";
import { type RandomModelOptions, writeRandomModel } from "../support/models.ts";
import { runExecutable, startExecutable } from "../support/service.ts";
import { until } from "../support/stack.ts";

/** Largest error of an estimate, as a share of the memory that the worker really uses … */
const SHARE = 0.1;
/** … plus this constant, for memory of a process that the model's metadata do not show. */
const SLACK_BYTES = 48 * 1024 * 1024;

/**
 * Heads share keys and values, and each part is large enough to show in the memory of the process.
 */
const SHAPE: RandomModelOptions = {
  layers: 8,
  width: 512,
  heads: 8,
  kvHeads: 4,
  feedForward: 1536,
  vocabulary: 16_384,
  context: 32_768,
  type: "F16",
};

/** A worker's flags for a load. */
function flagsOf(model: string, { context, slots, cacheType }: Load): string[] {
  return [
    ...["--model", model, "--gpu=none", "--threads=1"],
    ...[`--context=${context}`, `--slots=${slots}`],
    ...(cacheType === undefined
      ? []
      : ["--flash-attention=on", `--cache-type-k=${cacheType}`, `--cache-type-v=${cacheType}`]),
  ];
}

/** Memory that llama.cpp says the load takes, in bytes. */
async function saidBytes(model: string, load: Load): Promise<number> {
  const { out } = await runExecutable("llorch-candled", ["--estimate", ...flagsOf(model, load)]);
  return loadMemory.parse(JSON.parse(out)).device_bytes;
}

/** Resident memory of a worker that has loaded the model, in bytes. */
async function heldBytes(model: string, load: Load): Promise<number> {
  const own = ["--standalone", "--port=0"];
  const worker = startExecutable("llorch-candled", [...own, ...flagsOf(model, load)]);
  try {
    let url: string | undefined;
    for await (const line of worker.lines) {
      const entry = JSON.parse(line);
      if (entry.event === "listening") url = entry.url;
      if (entry.event === "loaded") break;
    }
    const client = createClient({ baseUrl: url! });
    await until("the worker is ready", async () => {
      return (await client.call(workerRoutes.health, {})).state === "ready";
    });
    const status = await Deno.readTextFile(`/proc/${worker.pid}/status`);
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  } finally {
    worker.kill("SIGKILL");
    await worker.status;
  }
}

Deno.test({
  name:
    "estimates of a load are right within a tenth plus 48 MiB, and llama.cpp's is never too low",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
    try {
      const path = join(dir, "random.gguf");
      writeRandomModel(path, SHAPE);
      const memory = modelMemory(await readGguf(path));
      const held: number[] = [];
      const loads: readonly Load[] = [
        { context: 512, slots: 1 },
        { context: 8_192, slots: 4 },
        { context: 32_768, slots: 2 },
        { context: 32_768, slots: 2, cacheType: "q8_0" },
      ];
      for (const load of loads) {
        const estimate = estimateMemory(memory, load);
        const real = await heldBytes(path, load);
        held.push(real);
        const said = await saidBytes(path, load);
        assert.ok(
          said >= real && said - real <= SHARE * real + SLACK_BYTES,
          `${load.slots} × ${load.context}: llama.cpp said ${said}, held ${real}`,
        );
        const apart = Math.abs(estimate - real);
        assert.ok(
          apart <= SHARE * real + SLACK_BYTES,
          `${load.slots} × ${load.context}: estimated ${estimate}, held ${real}`,
        );
      }
      assert.ok(
        held[2]! - held[0]! > 400 * 2 ** 20,
        `the KV cache uses memory: ${held.join(", ")}`,
      );
      assert.ok(
        held[2]! - held[3]! > 150 * 2 ** 20,
        `a smaller cache type uses less: ${held.join(", ")}`,
      );
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});
