import { EXIT } from "#shared/defaults.ts";
import { errorMessage } from "#shared/errors.ts";
import type { WorkerConfig } from "./config.ts";
import { localMemory } from "./batch/local_model.ts";
import { estimateLibllama } from "./engine/libllama/estimate.ts";

/** Most memory that an estimate may take itself: more than any vocabulary needs. */
const MAX_OWN_BYTES = 2 * 1024 ** 3;
/** Time between two checks of that, in milliseconds. */
const CHECK_MS = 50;

/**
 * Writes the memory that a load would take to stdout, as one line of JSON, without loading anything.
 * If that fails or takes too long, or needs too much memory itself, one line on stderr says so.
 *
 * @returns the exit code
 */
export async function sayMemory(config: WorkerConfig): Promise<number> {
  const { estimate_deadline_ms: deadlineMs } = config;
  const fail = (reason: string, code: number) => {
    console.error(`llorch-candled: ${reason}`);
    return code;
  };
  const gaveUp = Promise.withResolvers<number>();
  const giveUp = (reason: string) =>
    gaveUp.resolve(fail(`Cannot estimate the memory of the load: ${reason}`, EXIT.failed));
  const deadline = setTimeout(() => giveUp(`it took more than ${deadlineMs} ms`), deadlineMs);
  const watch = setInterval(() => {
    if (Deno.memoryUsage().rss <= MAX_OWN_BYTES) return;
    giveUp(`that would take more than ${MAX_OWN_BYTES} bytes itself`);
  }, CHECK_MS);
  const asked = localMemory(estimateLibllama)(config, {
    onProgress() {},
    onWarning() {},
    onTooManyThreads() {},
    onCrash: (error) => fail(error.message, EXIT.failed),
    signal: new AbortController().signal,
  }).then(
    (memory) => {
      console.log(JSON.stringify(memory));
      return EXIT.ok;
    },
    (error) => fail(errorMessage(error), EXIT.failed),
  );
  try {
    return await Promise.race([asked, gaveUp.promise]);
  } finally {
    clearTimeout(deadline);
    clearInterval(watch);
  }
}
