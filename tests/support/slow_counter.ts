import { join } from "node:path";
import { ENDLESS_CONTEXT } from "./counting_job.ts";
import { writeCounterModel } from "./models.ts";

let path: string | undefined;

/**
 * Path of `slow-counter.gguf`, a counter with so many numbers that a step takes about two milliseconds:
 * slow enough for a test to act between two tokens, with a context for a job that counts until its
 * test ends it. Written once for each test process.
 */
export function slowCounterModel(): string {
  if (path === undefined) {
    const folder = Deno.makeTempDirSync({ prefix: "llorch-models-" });
    globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
    path = join(folder, "slow-counter.gguf");
    writeCounterModel(path, { numbers: 40_000, context: ENDLESS_CONTEXT });
  }
  return path;
}
