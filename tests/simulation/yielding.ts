import { percentile } from "../bench/bench.ts";
import { TokenWorld } from "./token_world.ts";

/** Long jobs of one tenant that keeps the queue full, and short jobs of three others, one each second each. */
export interface Mix {
  readonly yieldAfterMs: number;
  /** Jobs that the one tenant has at a time; one less than there are slots keeps a slot for others. */
  readonly longAtOnce: number;
  /** Time in which a slot that was taken goes on, in ms; undefined: its tokens are read again. */
  readonly restoreMs: number | undefined;
  readonly tokenMs: number;
}

/** What came of it. */
export interface Outcome {
  /** Time to the first token of the short jobs, in ms. */
  readonly p50: number;
  readonly p95: number;
  readonly tokensPerSecond: number;
  readonly mostYields: number;
  /** Jobs that have ended without all of their tokens. */
  readonly wrong: number;
}

const SLOTS = 2;
const SPAN_MS = 120_000;
const LONG_TOKENS = 3900;
const SHORT_TOKENS = 60;

/** Runs the scheduler on a mix of long and short jobs. */
export function runMix({ yieldAfterMs, longAtOnce, restoreMs, tokenMs }: Mix): Outcome {
  const world = new TokenWorld({ slots: SLOTS, tokenMs, restoreMs }, {
    queueCapacity: Infinity,
    yieldAfterMs,
  });
  const waits: number[] = [];
  let wrong = 0;
  const submitLong = () => world.submit({ tenant: "long", tokens: LONG_TOKENS });
  world.onFirst = (tenant, afterMs) => {
    if (tenant !== "long") waits.push(afterMs);
  };
  world.onEnd = (tenant, { tokens, has }) => {
    if (has !== tokens) wrong++;
    if (tenant === "long") submitLong();
  };
  for (let n = 0; n < longAtOnce; n++) submitLong();
  for (const [index, tenant] of ["short1", "short2", "short3"].entries()) {
    const again = () => {
      world.submit({ tenant, tokens: SHORT_TOKENS });
      world.timers.after(1000, again);
    };
    world.timers.after(1000 + 37 * index, again);
  }
  world.runUntil(SPAN_MS);
  return {
    p50: percentile(waits, 0.5),
    p95: percentile(waits, 0.95),
    tokensPerSecond: world.tokens * 1000 / SPAN_MS,
    mostYields: Math.max(0, ...world.yields.values()),
    wrong,
  };
}
