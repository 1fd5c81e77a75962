/**
 * What PostgreSQL costs beside SQLite: durable accepts, and the gaps of streams whose tokens are stored.
 *
 * @module
 */
import { delay } from "#shared/lifecycle.ts";
import { startPostgres, WHY_NO_POSTGRES } from "../support/postgres.ts";
import { submit } from "./accept.ts";
import { type Bench, type Figure, median, percentile } from "./bench.ts";
import { executeTarget, type Gaps, pacedGaps, tasksTarget } from "./relay/measure.ts";
import { withStack } from "./relay/parts.ts";

const ROUNDS = 3;
const JOBS = 5_000;
const STREAMS = 500;
const INTERVAL_MS = 50;
const TOKENS = 200;

const PACED = { streams: STREAMS, tokens: TOKENS, intervalMs: INTERVAL_MS };

/** What one round has shown of a store. */
interface Round {
  /** Jobs in a second. */
  readonly rate: number;
  /** Of an accept, in ms. */
  readonly p50: number;
  readonly p99: number;
  readonly gaps: Gaps;
  /** Of the same streams without an orchestrator. */
  readonly direct: Gaps;
}

/** Both stores, in turns. */
export const postgresBench: Bench = {
  title: `SQLite and PostgreSQL in turns: ${JOBS} durable jobs from 64 clients, ` +
    `${STREAMS} streams at ${1000 / INTERVAL_MS} tokens/s; medians of ${ROUNDS} rounds`,
  async measure() {
    if (WHY_NO_POSTGRES) throw new Error(WHY_NO_POSTGRES);
    const postgres = await startPostgres();
    try {
      const rounds: Record<string, Round[]> = { SQLite: [], PostgreSQL: [] };
      for (let n = 0; n < ROUNDS; n++) {
        for (const name of Object.keys(rounds)) {
          const url = name === "SQLite" ? undefined : postgres.url(`round_${n}`);
          rounds[name]!.push(await round(url));
        }
      }
      return Object.entries(rounds).flatMap(([name, all]) => figures(name, all));
    } finally {
      await postgres.remove();
    }
  },
};

async function round(url: string | undefined): Promise<Round> {
  const gaps = await withOrchestrator(url, STREAMS, async (orchestrator, source) => ({
    direct: await pacedGaps(executeTarget("source", source), PACED),
    gaps: await pacedGaps(tasksTarget("/v2/tasks", orchestrator), PACED),
  }));
  // Streams that take every slot, so that what is accepted waits.
  const streams = { streams: 20, tokens: 20 * 1000 / INTERVAL_MS, intervalMs: INTERVAL_MS };
  const { seconds, times } = await withOrchestrator(url, 20, async (orchestrator) => {
    const busy = pacedGaps(tasksTarget("/v2/tasks", orchestrator), streams);
    await delay(1_500);
    const submitted = await submit(orchestrator, JOBS);
    await busy;
    return submitted;
  });
  const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)];
  return { ...gaps, rate: JOBS / seconds, p50, p99 };
}

/** Runs an orchestrator with a source of streams that has so many slots. */
function withOrchestrator<T>(
  url: string | undefined,
  slots: number,
  work: (orchestrator: string, source: string) => Promise<T>,
): Promise<T> {
  const settings = url === undefined ? "" : `store.url = ${JSON.stringify(url)}`;
  const options = { intervalMs: INTERVAL_MS, slots, queueCapacity: JOBS + STREAMS, settings };
  return withStack(options, ({ orchestratord, source }) => work(orchestratord.url, source.url));
}

function figures(name: string, rounds: readonly Round[]): Figure[] {
  const of = (value: (round: Round) => number) => median(rounds.map(value));
  const rate = of((each) => each.rate);
  const added = of(({ gaps, direct }) => gaps.p99 - direct.p99);
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  return [
    {
      name: `${name}: durable accepts`,
      value: `${Math.round(rate)}/s, p50 ${ms(of((each) => each.p50))}, p99 ${
        ms(of((each) => each.p99))
      }`,
      target: "at least 2000/s",
      isMet: rate >= 2000,
    },
    {
      name: `${name}: p99 of gaps that is added`,
      value: ms(added),
      target: "under 60 ms",
      isMet: added < 60,
    },
  ];
}
