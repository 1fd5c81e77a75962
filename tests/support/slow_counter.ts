import { join } from "node:path";
import { ENDLESS_CONTEXT } from "./counting_job.ts";
import { writeCounterModel } from "./models.ts";

let path: string | undefined;

/**
 * Path of `slow-counter.gguf`, a counter that is large enough for a step to take about two
 * milliseconds: a test can act between two tokens. Its context has room for a job that counts until
 * its test ends it. Written once for each test process.
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
