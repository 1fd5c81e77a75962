/**
 * A thread inside C hears no messages. What stops it goes through shared memory: a load ends at the next
 * tensor, a decode on the CPU at the next operation.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { delay } from "#shared/lifecycle.ts";
import { writeRandomModel } from "../../../../tests/support/models.ts";
import { within } from "../../../../tests/support/stack.ts";
import { request } from "../../testing/generator.ts";
import { engineOptions } from "../../testing/llama.ts";
import { eventOf, startWorker, withWorker } from "../../testing/process.ts";
import type { Engine } from "../engine.ts";
import { loadLibllama } from "./load.ts";

const folder = Deno.makeTempDirSync({ prefix: "llorch-models-" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** Half a gigabyte of zeros, which takes a second to read. */
const LARGE = join(folder, "large.gguf");
writeRandomModel(LARGE, {
  ...{ layers: 64, width: 512, feedForward: 2_048, vocabulary: 300 },
  ...{ type: "F16", isZero: true },
});

/** A model that takes many seconds for a prompt of {@linkcode LONG} tokens. */
const SLOW = join(folder, "slow.gguf");
const LONG = 8_000;
writeRandomModel(SLOW, {
  ...{ layers: 4, width: 512, feedForward: 2_048, vocabulary: 300, context: 8_192 },
  isZero: true,
});

Deno.test("a load that is stopped in its middle rejects with the reason, and reads no further", async () => {
  const reason = new Error("It is not wanted any more");
  const reads: number[] = [];
  // On a busy machine, a load may be near its end before this thread hears that it has begun.
  while (!reads.some((read) => read > 0 && read < 0.9) && reads.length < 10) {
    const stop = new AbortController();
    let read = 0;
    const load = loadLibllama(engineOptions(LARGE, {
      settings: { no_mmap: true },
      signal: stop.signal,
      onProgress(fraction) {
        read = fraction;
        if (fraction > 0) stop.abort(reason);
      },
    }));
    await assert.rejects(load, (error) => error === reason);
    reads.push(read);
  }
  assert.ok(reads.length < 10, `of the file was read: ${reads.join(", ")}`);
});

Deno.test("a load that is stopped before it begins, or while it reports its end, rejects with the reason", async () => {
  const reason = new Error("It is not wanted any more");
  const before = loadLibllama(engineOptions(SLOW, { signal: AbortSignal.abort(reason) }));
  await assert.rejects(before, (error) => error === reason);
  const stop = new AbortController();
  const atEnd = loadLibllama(engineOptions(SLOW, {
    signal: stop.signal,
    onProgress: (fraction) => void (fraction === 1 && stop.abort(reason)),
  }));
  await assert.rejects(atEnd, (error) => error === reason);
});

for (
  const [what, run] of [
    ["a prompt in one batch", (engine) => evaluate(engine)],
    ["an input of which a vector is computed", (engine) => engine.embed(tokens(LONG))],
  ] satisfies [string, (engine: Engine) => Promise<unknown>][]
) {
  Deno.test(`an engine that is disposed of stops ${what}, and frees the model after it`, async () => {
    const reasons: string[] = [];
    // Nothing tells that the thread is inside C: on a busy machine it may get there later.
    for (let waitMs = 300; !reasons.at(-1)?.includes("the computation was stopped"); waitMs *= 2) {
      assert.ok(reasons.length < 5, reasons.join("\n"));
      const engine = await loadLibllama(engineOptions(SLOW, WHOLE));
      // Only a computation that ended early fails.
      const failed = run(engine).then(() => "it was not stopped", String);
      await delay(waitMs);
      await engine.dispose();
      reasons.push(await failed);
      await assert.rejects(engine.tokenize("w1"), /The vocabulary is closed/);
      await assert.rejects(evaluate(engine), /The vocabulary is closed|has ended/);
    }
  });
}

Deno.test("what an engine was told before its stop ends with an error, and nothing computes after it", async () => {
  const engine = await loadLibllama(engineOptions(SLOW, WHOLE));
  const first = evaluate(engine, 64);
  await first;
  engine.stop();
  await assert.rejects(evaluate(engine, 64), /llama\.cpp was stopped/);
  await engine.dispose();
  await engine.dispose();
});

Deno.test("a worker that is to stop ends in the middle of a long decode, with 0", () =>
  withWorker(
    SLOW,
    ["--batch-size=8192", "--context=8192", "--stop-deadline-ms=1"],
    async (worker) => {
      const { program, log } = worker;
      const answer = worker.ask({ prompt_tokens: tokens(LONG), max_tokens: 1 });
      await eventOf(answer, "started");
      program.kill("SIGTERM");
      const last = await eventOf(answer, "error");
      assert.ok(last.event === "error" && last.data.code === "WORKER_LOST");
      const { code, signal } = await within(program.status, "the worker has ended");
      assert.deepEqual([code, signal, program.stderr()], [0, null, ""]);
      assert.ok(!log.some(({ event }) => event === "step_failed"));
    },
  ));

Deno.test("a worker that is to stop while it loads ends with 0", async () => {
  const { program } = await startWorker(LARGE, ["--no-mmap"]);
  program.kill("SIGTERM");
  const { code, signal } = await within(program.status, "the worker has ended");
  assert.deepEqual([code, signal, program.stderr()], [0, null, ""]);
});

/** A batch has room for a whole prompt. */
const WHOLE = { context: 8_192, settings: { batch_size: 8_192 } };
const tokens = (count: number) => Array.from({ length: count }, () => 280);

async function evaluate(engine: Engine, count = LONG): Promise<void> {
  const sampling = await engine.createSampling(request(), 1);
  await engine.sequences[0]!.prefill(tokens(count), sampling);
}
