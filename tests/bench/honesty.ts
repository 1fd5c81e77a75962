/**
 * Whether the times that orchestratord tells are true: when a job will start, and when a refused client
 * should come back.
 *
 * @module
 */
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { createClient } from "#shared/http/client.ts";
import { delay } from "#shared/lifecycle.ts";
import { seededRandom } from "../support/random.ts";
import { type Bench, type Figure, median, percentile } from "./bench.ts";
import { withStack } from "./relay/parts.ts";

const SLOTS = 2;
const TOKEN_MS = 10;
const CAPACITY = 8;
/** Clients of each of two keys, which are more than places and slots. */
const CLIENTS = 8;
/** How long they send jobs, in ms. */
const SPAN_MS = 60_000;
/** Jobs of one key at once, of twice as many clients. */
const CONCURRENT = 4;
/** Jobs whose start is predicted, sent a little faster than they are served. */
const PREDICTED = 40;
const LEAST_SHARE = 0.9;

/** What refusals and predictions say, and what came of it. */
export const toldTimes: Bench = {
  title: `told times: ${SLOTS} slots of ${TOKEN_MS} ms a token, answers of 20 to 300 tokens`,
  measure: async () => [
    ...await withSource(1_000, predictions),
    ...await withSource(CAPACITY, fullQueue),
    ...await withSource(1_000, keyLimit),
  ],
};

function withSource(
  queueCapacity: number,
  measure: (url: string, random: () => number) => Promise<Figure[]>,
): Promise<Figure[]> {
  const options = { intervalMs: TOKEN_MS, slots: SLOTS, queueCapacity };
  return withStack(options, async ({ orchestratord: { url } }) => {
    // Nothing can be told before something was measured.
    for (const tokens of [20, 100]) await ask(url, { tokens });
    return await measure(url, seededRandom(7));
  });
}

/** Predicted and real starts of jobs, from the second on. */
async function predictions(url: string, random: () => number): Promise<Figure[]> {
  const found: { told: number; real: number }[] = [];
  const jobs: Promise<void>[] = [];
  for (let n = 0; n < PREDICTED; n++) {
    const tokens = size(random);
    jobs.push(
      ask(url, { tokens }).then(({ told, real }) => {
        if (told !== undefined && real !== undefined && real > 200) found.push({ told, real });
      }),
    );
    await delay(size(random) * TOKEN_MS / SLOTS / 1.5);
  }
  await Promise.all(jobs);
  const factors = found.map(({ told, real }) => real / Math.max(1, told));
  const middle = median(factors);
  const off = factors.map((factor) => Math.abs(factor - 1));
  return [{
    name: `real start / predicted_start_ms of ${found.length} jobs that waited, p50`,
    value: middle.toFixed(2),
    target: "0.8 to 1.25",
    isMet: middle >= 0.8 && middle <= 1.25,
  }, {
    name: "the same, p10 and p90",
    value: [0.1, 0.9].map((p) => percentile(factors, p).toFixed(2)).join(" and "),
  }, {
    name: "predictions that are off by more than half",
    value: `${off.filter((each) => each > 0.5).length} of ${off.length}`,
  }];
}

/** Two keys with more clients than places: who comes back at the time told, gets in. */
async function fullQueue(url: string, random: () => number): Promise<Figure[]> {
  const keys = await Promise.all(["a", "b"].map((name) => keyOf(url, name, {})));
  return await flood("full queue", url, random, keys.flatMap((key) => Array(CLIENTS).fill(key)));
}

/** One key with more clients than jobs that it may have. */
async function keyLimit(url: string, random: () => number): Promise<Figure[]> {
  const key = await keyOf(url, "a", { concurrent_jobs: CONCURRENT });
  return await flood("concurrent_jobs", url, random, Array(2 * CONCURRENT).fill(key));
}

async function flood(
  name: string,
  url: string,
  random: () => number,
  clients: readonly string[],
): Promise<Figure[]> {
  const end = performance.now() + SPAN_MS;
  const waits: number[] = [];
  let returned = 0;
  let refusedAgain = 0;
  let served = 0;
  await Promise.all(clients.map(async (key, index) => {
    let hasWaited = false;
    while (performance.now() < end) {
      const { refusedMs, retryAfterS } = await ask(url, { key, tokens: size(random) });
      if (hasWaited) returned++;
      if (refusedMs === undefined) {
        served++;
        hasWaited = false;
        continue;
      }
      if (hasWaited) refusedAgain++;
      waits.push(refusedMs);
      hasWaited = true;
      // Half of the clients know only the header, as most do.
      await delay(index % 2 === 0 ? refusedMs : retryAfterS * 1000);
    }
  }));
  const share = 1 - refusedAgain / returned;
  const busy = served * 160 * TOKEN_MS / SLOTS / SPAN_MS;
  return [{
    name: `${name}: of ${returned} that came back at the time told got in`,
    value: `${(share * 100).toFixed(0)} %`,
    target: `at least ${LEAST_SHARE * 100} %`,
    isMet: share >= LEAST_SHARE,
  }, {
    name: `${name}: told times, p50 and p95`,
    value: `${median(waits).toFixed(0)} and ${percentile(waits, 0.95).toFixed(0)} ms`,
  }, {
    name: `${name}: jobs served`,
    value: `${served}, about ${(busy * 100).toFixed(0)} % of the slots`,
  }];
}

function size(random: () => number): number {
  return 20 + Math.floor(random() * 281);
}

async function keyOf(url: string, name: string, limits: { concurrent_jobs?: number }) {
  const body = { name, limits };
  return (await createClient({ baseUrl: url }).call(routes.createKey, { body })).secret;
}

/** Asks for an answer and reads it to its end. */
async function ask(
  url: string,
  { key, tokens }: { readonly key?: string; readonly tokens: number },
): Promise<{ told?: number; real?: number; refusedMs?: number; retryAfterS: number }> {
  const began = performance.now();
  const reply = await fetch(`${url}/v2/tasks`, {
    method: "POST",
    headers: {
      ...{ "content-type": "application/json", accept: "text/event-stream" },
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify({ model: "counter", prompt: "w0", max_tokens: tokens }),
  });
  if (reply.status === 429) {
    const { error } = await reply.json();
    const retryAfterS = Number(reply.headers.get("retry-after"));
    return { refusedMs: error.retry_after_ms, retryAfterS };
  }
  if (!reply.ok) throw new Error(`${reply.status}: ${await reply.text()}`);
  let text = "";
  let real: number | undefined;
  for await (const piece of reply.body!.pipeThrough(new TextDecoderStream())) {
    text += piece;
    if (real === undefined && text.includes("event: started")) real = performance.now() - began;
  }
  const told = Number(/"predicted_start_ms":(\d+)/.exec(text)?.[1]);
  return { told, ...(real === undefined ? {} : { real }), retryAfterS: 0 };
}
