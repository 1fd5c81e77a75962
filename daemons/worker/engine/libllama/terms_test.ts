/**
 * A worker that is told to stop ends in order, whatever its threads are doing: no destructor of C runs
 * under a living thread. `deno task test:terms` stops many more.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { workerRoutes } from "#shared/contracts/worker.ts";
import { delay } from "#shared/lifecycle.ts";
import { writeCounterAdapter } from "../../../../tests/support/models.ts";
import { seededRandom } from "../../../../tests/support/random.ts";
import { slowCounterModel } from "../../../../tests/support/slow_counter.ts";
import { within } from "../../../../tests/support/stack.ts";
import { eventOf, lastOf, withWorker, type WorkerProcess } from "../../testing/process.ts";

const ROUNDS = Number(Deno.env.get("LLORCH_TERM_ROUNDS") ?? 5);
const SEED = Number(Deno.env.get("LLORCH_SEED") ?? 1);
/** Longest time from the first tokens to the signal, in milliseconds. */
const LONGEST_MS = 60;

const ENDLESS = { max_tokens: 30_000, temperature: 0.7 };
/** Streams that run when the signal comes. */
const STREAMS: readonly Readonly<Record<string, unknown>>[] = [
  { prompt: " w1", ...ENDLESS },
  { prompt: " w2", ...ENDLESS, grammar: 'root ::= (" w" [0-9]+)*' },
  { prompt: " w3", ...ENDLESS, lora: "skip", logit_bias: { "300": 2 } },
  { prompt: " w4", ...ENDLESS, frequency_penalty: 0.1, logprobs: 2, post_sampling_probs: true },
];
/** Fills a slot in many steps. */
const LONG = { prompt_tokens: Array.from({ length: 30_000 }, (_, at) => 300 + at % 1_000) };

/** What else may run; each fails when the worker stops, which waits for replies for two seconds. */
const OTHER: readonly ((worker: WorkerProcess) => Promise<unknown>)[] = [
  (worker) => lastOf(worker.ask(LONG)),
  ({ client }) =>
    client.call(workerRoutes.embed, { body: { input: Array(200).fill(" w1".repeat(100)) } }),
  ({ client }) =>
    client.call(workerRoutes.tokenize, {
      body: { prompt: " w12345é".repeat(200_000), beyond_context: true },
    }),
];

/** How a worker ended that was told to stop after some milliseconds. */
async function stopped(worker: WorkerProcess, others: typeof OTHER, ms: number) {
  const streams = STREAMS.map((fields) => worker.ask(fields));
  for (const each of streams) await eventOf(each, "token");
  const more = others.map((call) => call(worker).catch(() => {}));
  const ends = streams.map(lastOf);
  await delay(ms);
  worker.program.kill("SIGTERM");
  for (const last of await Promise.all(ends)) {
    assert.ok(last.event === "error" && last.data.code === "WORKER_LOST", JSON.stringify(last));
  }
  const { code, signal } = await within(worker.program.status, "the worker has ended");
  await Promise.all(more);
  return { code, signal, stderr: worker.program.stderr() };
}

/** Rounds of a step: a test that says nothing for minutes counts as hung. */
const AT_ONCE = 20;

Deno.test(`workers that are told to stop at any moment of their steps end with 0, ${ROUNDS} times`, async (t) => {
  const folder = await Deno.makeTempDir();
  try {
    const adapter = join(folder, "skip.gguf");
    writeCounterAdapter(adapter, { from: 7, to: 100, numbers: 40_000 });
    const random = seededRandom(SEED);
    for (let first = 0; first < ROUNDS; first += AT_ONCE) {
      const last = Math.min(first + AT_ONCE, ROUNDS);
      await t.step(`rounds ${first + 1} to ${last}`, async () => {
        const wrong: unknown[] = [];
        for (let round = first; round < last; round++) {
          const others = OTHER.filter(() => random() < 0.1);
          const ms = LONGEST_MS * random();
          const deadline = 1 + Math.floor(50 * random());
          const args = [`--lora=skip=${adapter}`, `--stop-deadline-ms=${deadline}`, "--slots=5"];
          await withWorker(slowCounterModel(), [...args, "--context=32768"], async (worker) => {
            const { code, signal, stderr } = await stopped(worker, others, ms);
            if (code !== 0 || stderr !== "") wrong.push({ round, ms, code, signal, stderr });
          });
        }
        assert.deepEqual(wrong, [], `seed ${SEED}`);
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
