/**
 * Short jobs beside long ones that hold every slot.
 *
 * @module
 */
import { join } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { delay } from "#shared/lifecycle.ts";
import { writeCounterModel } from "../support/models.ts";
import { withService } from "../support/service.ts";
import { type Bench, type Figure, median, percentile } from "./bench.ts";

const SLOTS = 2;
const LONG_TOKENS = 3900;
const SHORT_TOKENS = 60;
const LONG_AT_ONCE = 6;
const SHORT_CLIENTS = 3;
/** How long jobs are sent, in ms. */
const SPAN_MS = 40_000;
/** Longest time to the first token of 95 of 100 short jobs, in ms. */
const MOST_MS = 1_500;
/** Share of all tokens that may be lost. */
const MOST_LOST = 0.03;

/** How soon short jobs start while one client floods with long ones, and what that costs. */
export const shortBesideLong: Bench = {
  title:
    `${SLOTS} slots; one client floods with jobs of ${LONG_TOKENS} tokens, ${SHORT_CLIENTS} send ` +
    `one of ${SHORT_TOKENS} tokens each second`,
  async measure() {
    const models = await Deno.makeTempDir({ prefix: "llorch-bench-" });
    try {
      const file = join(models, "counter.gguf");
      writeCounterModel(file, { numbers: 8000, context: 8192 });
      const before = await mix(models, 0);
      const now = await mix(models, undefined);
      const lost = 1 - now.tokensPerSecond / before.tokensPerSecond;
      return [
        ...figures("fair.yield_after_ms = 0", before),
        ...figures("as by default", now),
        {
          name: "first token of short jobs, p95",
          value: `${now.p95.toFixed(0)} ms`,
          target: `at most ${MOST_MS} ms`,
          isMet: now.p95 <= MOST_MS,
        },
        {
          name: "tokens lost by yielding",
          value: `${(lost * 100).toFixed(1)} %`,
          target: `at most ${MOST_LOST * 100} %`,
          isMet: lost <= MOST_LOST,
        },
        {
          name: "long answers that lost or doubled a token",
          value: `${now.wrong} of ${now.longs}`,
          target: "none",
          isMet: now.wrong === 0,
        },
      ];
    } finally {
      await Deno.remove(models, { recursive: true });
    }
  },
};

interface Outcome {
  readonly p50: number;
  readonly p95: number;
  readonly shorts: number;
  readonly longs: number;
  readonly wrong: number;
  readonly tokensPerSecond: number;
}

function figures(how: string, { p50, p95, shorts, longs, tokensPerSecond }: Outcome): Figure[] {
  return [
    { name: `${how}: first token of ${shorts} short jobs, p50`, value: `${p50.toFixed(0)} ms` },
    { name: `${how}: the same, p95`, value: `${p95.toFixed(0)} ms` },
    {
      name: `${how}: tokens of all, with ${longs} long answers`,
      value: `${tokensPerSecond.toFixed(0)}/s`,
    },
  ];
}

async function mix(models: string, yieldAfterMs: number | undefined): Promise<Outcome> {
  const waits: number[] = [];
  let tokens = 0;
  let longs = 0;
  let wrong = 0;
  let measuredMs = NaN;
  const orchestratord = "queue.capacity = 2000\n" +
    (yieldAfterMs === undefined ? "" : `fair.yield_after_ms = ${yieldAfterMs}`);
  const poolManagerd = [
    "worker.threads = 1",
    `worker.default_slots = ${SLOTS}`,
    "worker.default_context = 8192",
    "worker.llama.cache_mib = 512",
  ].join("\n");
  await withService(models, async ({ client, orchestratord: { url } }) => {
    const keyOf = async (name: string) =>
      (await client.call(routes.createKey, { body: { name } })).secret;
    const flood = await keyOf("long");
    const keys = await Promise.all(Array.from({ length: SHORT_CLIENTS }, (_, n) => keyOf(`s${n}`)));
    await ask(url, flood, 10, new AbortController().signal, () => {});
    const stop = new AbortController();
    const began = performance.now();
    const onToken = (count: number) => tokens += count;
    const long = async () => {
      while (!stop.signal.aborted) {
        const { text } = await ask(url, flood, LONG_TOKENS, stop.signal, onToken);
        if (text === undefined) return;
        longs++;
        const whole = Array.from({ length: LONG_TOKENS }, (_, n) => ` w${n + 1}`).join("");
        if (text !== whole) wrong++;
      }
    };
    const short = async (index: number) => {
      await delay(1000 + 37 * index);
      const jobs: Promise<unknown>[] = [];
      while (performance.now() - began < SPAN_MS) {
        jobs.push(
          ask(url, keys[index]!, SHORT_TOKENS, stop.signal, onToken).then(({ firstMs }) => {
            if (firstMs !== undefined) waits.push(firstMs);
          }),
        );
        await delay(1000);
      }
      return jobs;
    };
    const all = Array.from({ length: LONG_AT_ONCE }, long);
    await Promise.all(Array.from({ length: SHORT_CLIENTS }, (_, index) => short(index)));
    measuredMs = performance.now() - began;
    stop.abort();
    await Promise.all(all);
  }, { orchestratord, poolManagerd });
  return {
    p50: median(waits),
    p95: percentile(waits, 0.95),
    shorts: waits.length,
    longs,
    wrong,
    tokensPerSecond: tokens * 1000 / measuredMs,
  };
}

/** Runs a job; its text is undefined if it was stopped. */
async function ask(
  url: string,
  key: string,
  max_tokens: number,
  signal: AbortSignal,
  onToken: (count: number) => void,
): Promise<{ text?: string; firstMs?: number }> {
  const began = performance.now();
  let firstMs: number | undefined;
  try {
    const reply = await fetch(`${url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
      body: JSON.stringify({
        ...{ model: "counter", prompt: "w0", max_tokens, stream: true },
        temperature: 0,
      }),
      signal,
    });
    if (!reply.ok) throw new Error(`${reply.status}: ${await reply.text()}`);
    let text = "";
    let rest = "";
    for await (const piece of reply.body!.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + piece).split("\n");
      rest = lines.pop()!;
      for (const line of lines) {
        const found = /"text":"([^"]*)"/.exec(line);
        if (!found || found[1] === "") continue;
        firstMs ??= performance.now() - began;
        text += found[1];
        onToken(found[1]!.split(" ").length - 1);
      }
    }
    return { text, ...(firstMs === undefined ? {} : { firstMs }) };
  } catch (error) {
    // One that never began has waited at least until now.
    if (signal.aborted) return { firstMs: firstMs ?? performance.now() - began };
    throw error;
  }
}
