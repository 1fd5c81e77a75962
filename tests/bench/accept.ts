/**
 * How fast orchestratord accepts durable jobs, how that affects running streams, and how much memory ten
 * thousand waiting jobs take.
 *
 * @module
 */
import { type Bench, type Figure, percentile } from "./bench.ts";
import { type Gaps, pacedGaps, tasksTarget } from "./relay/measure.ts";
import { withStack } from "./relay/parts.ts";
import { RawClient } from "./relay/raw_client.ts";
import { usageOf } from "./relay/usage.ts";

const CLIENTS = 64;
const JOBS = 10_000;
const STREAMS = 20;
const INTERVAL_MS = 50;
const LIMIT_MIB = 200;

/** `POST /v2/tasks` of many clients while streams run. */
export const durableAccepts: Bench = {
  title: `${JOBS} durable jobs from ${CLIENTS} clients beside ${STREAMS} streams`,
  measure: () =>
    // The streams take every slot, so all other jobs wait.
    withStack(
      { intervalMs: INTERVAL_MS, slots: STREAMS, queueCapacity: JOBS + CLIENTS },
      async ({ orchestratord }) => {
        const streams = (tokens: number): Promise<Gaps> =>
          pacedGaps(tasksTarget("/v2/tasks", orchestratord.url), {
            ...{ streams: STREAMS, tokens, intervalMs: INTERVAL_MS },
          });
        const quiet = await streams(80);
        const idle = usageOf(orchestratord.program.pid).rssBytes;
        // Twenty seconds of tokens; the streams begin within the first second.
        const busy = streams(20 * 1000 / INTERVAL_MS);
        await new Promise((resolve) => setTimeout(resolve, 1500));
        const { seconds, times } = await submit(orchestratord.url);
        const full = usageOf(orchestratord.program.pid).rssBytes;
        const load = Deno.loadavg().map((each) => each.toFixed(1)).join(", ");
        console.log(`  load average ${load}`);
        return figures({ seconds, times, quiet, busy: await busy, idle, full });
      },
    ),
};

/** Submits jobs; returns the time of each in ms, and of all together in seconds. */
export async function submit(
  url: string,
  jobs = JOBS,
): Promise<{ seconds: number; times: number[] }> {
  const body = { model: "counter", prompt: "w7 and some words more", max_tokens: 100 };
  const times: number[] = [];
  let left = jobs;
  const began = performance.now();
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    const client = await RawClient.connect(url);
    try {
      while (left-- > 0) {
        const sentAt = performance.now();
        const status = await client.post("/v2/tasks", body);
        if (status !== 202) throw new Error(`A job was answered with ${status}`);
        times.push(performance.now() - sentAt);
      }
    } finally {
      client.close();
    }
  }));
  return { seconds: (performance.now() - began) / 1000, times };
}

function figures({ seconds, times, quiet, busy, idle, full }: {
  readonly seconds: number;
  readonly times: readonly number[];
  readonly quiet: Gaps;
  readonly busy: Gaps;
  readonly idle: number;
  readonly full: number;
}): Figure[] {
  const rate = JOBS / seconds;
  const mib = (bytes: number) => Math.round(bytes / 2 ** 20);
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  return [
    {
      name: "durable accepts",
      value: `${Math.round(rate)}/s`,
      target: "at least 2000/s",
      isMet: rate >= 2000,
    },
    {
      name: "accept, p50 and p99",
      value: `${ms(percentile(times, 0.5))}, ${ms(percentile(times, 0.99))}`,
    },
    {
      name: "gaps of streams before, p99 and longest",
      value: `${ms(quiet.p99)}, ${ms(quiet.longest)}`,
    },
    {
      name: "gaps of streams meanwhile, p99 and longest",
      value: `${ms(busy.p99)}, ${ms(busy.longest)}`,
    },
    { name: "RSS with nothing waiting", value: `${mib(idle)} MiB` },
    {
      name: `RSS with ${JOBS} jobs waiting`,
      value: `${mib(full)} MiB`,
      target: `at most ${LIMIT_MIB} MiB`,
      isMet: mib(full) <= LIMIT_MIB,
    },
  ];
}
