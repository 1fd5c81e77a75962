import type { PoolWorker } from "#shared/contracts/mod.ts";
import {
  initialState,
  type Input,
  type State,
} from "../../daemons/orchestratord/scheduler/state.ts";
import { step } from "../../daemons/orchestratord/scheduler/step.ts";
import {
  model,
  POLICY,
  pool,
  submit,
  worker,
} from "../../daemons/orchestratord/testing/scheduler.ts";
import { seededRandom } from "../support/random.ts";
import { type Bench, percentile } from "./bench.ts";

const POOLS = 125;
const WORKERS_PER_POOL = 8;
const MODELS = 100;
const TENANTS = 200;
const QUEUED = 10_000;
const DECISIONS = 20_000;
/** Decisions before those that are measured: until then V8 interprets most of the code. */
const WARM_UP = 5_000;

/** Bound that 99 of 100 decisions must stay under, in ms. */
const LIMIT_MS = 1;

/** How long one decision takes under load. */
export const schedulerDecision: Bench = {
  title: `scheduler: ${POOLS * WORKERS_PER_POOL} workers, ${MODELS} models, ${QUEUED} queued ` +
    `jobs of ${TENANTS} tenants, ${DECISIONS} decisions`,
  measure() {
    const times = decide();
    const all = Object.values(times).flat();
    const p99 = percentile(all, 0.99);
    return Promise.resolve([
      ...Object.entries(times).map(([kind, taken]) => ({
        name: `${kind}, p50 and p99`,
        value: `${micros(percentile(taken, 0.5))}, ${micros(percentile(taken, 0.99))}`,
      })),
      {
        name: "all, p99",
        value: micros(p99),
        target: `under ${LIMIT_MS} ms`,
        isMet: p99 < LIMIT_MS,
      },
      { name: "longest", value: micros(Math.max(...all)) },
    ]);
  },
};

/** Times of decisions in ms, by the kind of input. */
function decide(): Record<string, number[]> {
  const random = seededRandom(1);
  const state: State = initialState({ ...POLICY, queueCapacity: Infinity });
  const fingerprints = Array.from({ length: MODELS }, (_, n) => String(n).padStart(64, "0"));
  const models = fingerprints.map((fingerprint) => model(fingerprint));
  const reports = Array.from({ length: POOLS }, (_, p): Input => {
    const workers = Array.from({ length: WORKERS_PER_POOL }, (_, w): PoolWorker => {
      const index = p * WORKERS_PER_POOL + w;
      return worker(`worker-${index}`, fingerprints[index % MODELS]!, { slots: 2 });
    });
    return pool(workers, { id: `pool-${p}`, models });
  });
  let count = 0;
  const newJob = () =>
    submit(`job-${count++}`, 0, {
      fingerprint: fingerprints[Math.floor(random() * MODELS)]!,
      tenant: `tenant-${Math.floor(random() * TENANTS)}`,
      priority: random() < 0.3 ? "batch" : "interactive",
      affinity: [`session-${Math.floor(random() * 5000)}`],
    });
  for (const report of reports) step(state, report, 0);
  while (state.queued.size < QUEUED) step(state, newJob(), 0);

  const times: Record<string, number[]> = {
    submit: [],
    progress: [],
    attempt_ended: [],
    pool_seen: [],
    tick: [],
  };
  for (let n = 0; n < WARM_UP + DECISIONS; n++) {
    const now = n / 10;
    const running = [...state.running.values()];
    const { id: jobId, attempt } = running[Math.floor(random() * running.length)]!;
    const turn: readonly Input[] = [
      {
        ...{ kind: "attempt_ended", jobId, attempt, tokensOut: Math.ceil(random() * 200) },
        outcome: { kind: "done" },
      },
      newJob(),
      { kind: "progress", jobId, attempt, tokensOut: 1 },
      reports[n % POOLS]!,
      { kind: "tick" },
    ];
    // Reports and ticks are rare: one of each per hundred other inputs.
    const input = turn[n % 100 === 0 ? 3 : n % 100 === 1 ? 4 : n % 3]!;
    const began = performance.now();
    step(state, input, now);
    if (n >= WARM_UP) times[input.kind]?.push(performance.now() - began);
  }
  return times;
}

function micros(ms: number): string {
  return `${(ms * 1000).toFixed(0)} µs`;
}
