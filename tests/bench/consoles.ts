import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { createClient } from "#shared/http/client.ts";
import { delay } from "#shared/lifecycle.ts";
import { registerSource, startSource } from "../support/source/process.ts";
import { range } from "../support/stack.ts";
import { type Bench, type Figure, median } from "./bench.ts";
import { tasksTarget } from "./relay/measure.ts";
import { startOrchestratord, stop } from "./relay/proxies.ts";
import { rawStream } from "./relay/raw_stream.ts";
import { usageOf } from "./relay/usage.ts";

const CONSOLES = 50;
/** Together they make 1 000 tokens per second. */
const STREAMS = 50;
const INTERVAL_MS = 50;
const ROUNDS = 3;
const MEASURED_MS = 10_000;
const SETTLE_MS = 1_500;
/** How often the jobs page fetches its jobs while jobs come and go. */
const JOBS_PAGE_MS = 2_000;
/** Share of a core that the open consoles may cost. */
const TARGET = 0.05;

/**
 * CPU time that open consoles cost orchestratord while it streams: without and with them, in turn.
 */
export const openConsoles: Bench = {
  title: `${CONSOLES} open consoles at ${STREAMS * 1000 / INTERVAL_MS} tokens/s; ` +
    `medians of ${ROUNDS} rounds of ${MEASURED_MS / 1000} s`,
  async measure() {
    const dir = await Deno.makeTempDir({ prefix: "llorch-bench-" });
    const started: Parameters<typeof stop>[0][] = [];
    try {
      const source = await startSource(INTERVAL_MS);
      started.push(source);
      const daemon = await startOrchestratord(dir);
      started.push(daemon);
      await registerSource(daemon.url, source, 2 * STREAMS);
      const tokens = Math.ceil(3 * ROUNDS * (MEASURED_MS + 2 * SETTLE_MS) * 1.2 / INTERVAL_MS);
      const target = tasksTarget("tasks", daemon.url);
      const streams = range(0, STREAMS).map(() =>
        rawStream(target.request(tokens), () => {}).catch(() => {})
      );
      await delay(SETTLE_MS);
      const reported: number[] = [];
      const shares = { none: [] as number[], feeds: [] as number[], jobs: [] as number[] };
      for (const _ of range(0, ROUNDS)) {
        shares.none.push(await share(daemon.program.pid, () => Promise.resolve()));
        shares.feeds.push(
          await share(daemon.program.pid, (signal) => feeds(daemon.url, signal, reported)),
        );
        shares.jobs.push(
          await share(daemon.program.pid, async (signal) => {
            await Promise.all([feeds(daemon.url, signal, reported), jobPages(daemon.url, signal)]);
          }),
        );
      }
      void streams;
      return [
        { name: "tokens/s reported to the consoles", value: String(median(reported)) },
        { name: "`rates` events per second for each console", value: perSecond(reported) },
        ...figures(shares),
      ];
    } finally {
      for (const each of started.reverse()) await stop(each);
      await Deno.remove(dir, { recursive: true });
    }
  },
};

function perSecond(reported: readonly number[]): string {
  const seconds = 2 * ROUNDS * (MEASURED_MS + SETTLE_MS) / 1000;
  return (reported.length / CONSOLES / seconds).toFixed(2);
}

function figures(shares: Record<"none" | "feeds" | "jobs", readonly number[]>): Figure[] {
  const more = (of: readonly number[]) => median(of.map((each, n) => each - shares.none[n]!));
  const percent = (share: number) => `${(100 * share).toFixed(1)} % of a core`;
  const cost = more(shares.feeds);
  return [
    { name: "orchestratord without a console", value: percent(median(shares.none)) },
    {
      name: "the consoles",
      value: percent(cost),
      target: `under ${100 * TARGET} %`,
      isMet: cost < TARGET,
    },
    {
      name: "all of them on the jobs page, jobs always changing",
      value: percent(more(shares.jobs)),
    },
  ];
}

/** Share of a core that a process uses while something runs. */
async function share(pid: number, work: (signal: AbortSignal) => Promise<void>): Promise<number> {
  const leave = new AbortController();
  const working = work(leave.signal);
  await delay(SETTLE_MS);
  const before = { cpuMs: usageOf(pid).cpuMs, at: performance.now() };
  await delay(MEASURED_MS);
  const used = (usageOf(pid).cpuMs - before.cpuMs) / (performance.now() - before.at);
  leave.abort();
  await working.catch((error) => {
    if (error !== leave.signal.reason) throw error;
  });
  await delay(SETTLE_MS);
  return used;
}

/** Reads the live feed as consoles do, and collects the reported tokens per second. */
async function feeds(url: string, signal: AbortSignal, reported: number[]): Promise<void> {
  const client = createClient({ baseUrl: url });
  await Promise.all(
    range(0, CONSOLES).map(async () => {
      const { events } = await client.stream(routes.serviceEvents, {}, { signal });
      for await (const { event, data } of events) {
        if (event === "rates") reported.push(JSON.parse(data).tokens_per_second);
      }
    }),
  );
}

/** Fetches the first page of jobs as the jobs page does. */
async function jobPages(url: string, signal: AbortSignal): Promise<void> {
  await Promise.all(
    range(0, CONSOLES).map(async (n) => {
      await delay(n * JOBS_PAGE_MS / CONSOLES);
      while (!signal.aborted) {
        await (await fetch(`${url}/v2/tasks?limit=25`)).text();
        await delay(JOBS_PAGE_MS);
      }
    }),
  );
}
