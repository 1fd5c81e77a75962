import { join } from "node:path";
import type { TaskRequestInput } from "#shared/contracts/mod.ts";
import { delay } from "#shared/lifecycle.ts";
import type { Client } from "#shared/http/client.ts";
import { writeRandomModel } from "../support/models.ts";
import { withService } from "../support/service.ts";
import { run } from "../support/stack.ts";
import { type Bench, type Figure, median } from "./bench.ts";

/** Number of swaps to the other model and back. */
const ROUNDS = 5;
/** Pause before each swap, in which the pool prepares a process for it, however long the last answer took. */
const REST_MS = 5_000;
const PROMPT_TOKENS = 3500;
/** Room for one worker with either model, but not for two. */
const ROOM_BYTES = 500_000_000;

/** How long a client waits for the first token of a long prompt that it has sent before. */
export const savedSlots: Bench = {
  title:
    `First token of a prompt of ${PROMPT_TOKENS} tokens that was read before (random weights, ` +
    `100 MB): by the same worker, and after another model was loaded in its place, ${ROUNDS} times each`,
  async measure() {
    const models = await Deno.makeTempDir({ prefix: "llorch-bench-" });
    try {
      // Models with the same header and size would be the same model.
      for (const [index, name] of ["alpha", "beta"].entries()) {
        writeRandomModel(join(models, `${name}.gguf`), {
          ...{ layers: 8, width: 512, heads: 8, kvHeads: 4, feedForward: 1408, context: 4096 },
          vocabulary: 1024 + index,
        });
      }
      return [
        ...await measureIn(models, "prompt read again", 0),
        ...await measureIn(models, "slot restored", 1_000_000_000),
      ];
    } finally {
      await Deno.remove(models, { recursive: true });
    }
  },
};

async function measureIn(models: string, how: string, maxBytes: number): Promise<Figure[]> {
  const poolManagerd = [
    "worker.threads = 1",
    "worker.default_context = 4096",
    `devices.cpu_max_bytes = ${ROOM_BYTES}`,
    `saved_slots.max_bytes = ${maxBytes}`,
  ].join("\n");
  const long = {
    model: "alpha",
    prompt_tokens: Array.from({ length: PROMPT_TOKENS }, (_, at) => 300 + (at * 37) % 700),
  };
  const short = { model: "beta", prompt: "w1 w2" };
  const times = { same: [] as number[], back: [] as number[], away: [] as number[] };
  await withService(models, async ({ client }) => {
    await ask(client, long);
    for (let round = 0; round < ROUNDS; round++) {
      times.same.push((await ask(client, long)).ms);
      await delay(REST_MS);
      times.away.push((await ask(client, short)).ms);
      await delay(REST_MS);
      const { ms, cached } = await ask(client, long);
      if ((cached > 0) !== (maxBytes > 0)) throw new Error(`${cached} tokens were not read again`);
      times.back.push(ms);
    }
  }, { poolManagerd });
  return [
    { name: `${how}: by the same worker`, value: summary(times.same) },
    { name: `${how}: after a swap, load included`, value: summary(times.back) },
    {
      name: `${how}: a short prompt of the other model, load included`,
      value: summary(times.away),
    },
  ];
}

async function ask(client: Client, task: TaskRequestInput) {
  const began = performance.now();
  const events = await run(client, { ...task, max_tokens: 1, temperature: 0 });
  const end = events.at(-1)!;
  if (end.event !== "end") throw new Error(`The answer ended with ${JSON.stringify(end)}`);
  return { ms: performance.now() - began, cached: end.data.tokens_cached };
}

function summary(times: readonly number[]): string {
  const [low, high] = [Math.min(...times), Math.max(...times)];
  return `${median(times).toFixed(0)} ms (${low.toFixed(0)} to ${high.toFixed(0)})`;
}
