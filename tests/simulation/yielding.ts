import { A, pool, Run, worker } from "../../daemons/orchestratord/testing/scheduler.ts";
import type { Effect, Input, NewJob, State } from "../../daemons/orchestratord/scheduler/state.ts";
import { step } from "../../daemons/orchestratord/scheduler/step.ts";
import { percentile } from "../bench/bench.ts";
import { Timers } from "./timers.ts";

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
  /** Tokens of the jobs that have ended which were not delivered exactly once. */
  readonly wrong: number;
}

const SLOTS = 2;
const SPAN_MS = 120_000;
const LONG_TOKENS = 3900;
const SHORT_TOKENS = 60;
const PROMPT_TOKENS = 50;
const READ_PER_MS = 5;
const REPORT_MS = 250;
const TICK_MS = 250;

/** Runs the scheduler on a mix of long and short jobs. */
export function runMix({ yieldAfterMs, longAtOnce, restoreMs, tokenMs }: Mix): Outcome {
  const timers = new Timers();
  const state: State = new Run({ queueCapacity: Infinity, queueTimeoutMs: Infinity, yieldAfterMs })
    .state;
  const jobs = new Map<
    string,
    { at: number; tokens: number; has: number; attempt: number; reportedAt: number }
  >();
  const waits: number[] = [];
  const yields = new Map<string, number>();
  let tokens = 0;
  let wrong = 0;
  let count = 0;
  const send = (input: Input) => {
    for (const effect of step(state, input, timers.now).effects) carryOut(effect);
  };
  const carryOut = (effect: Effect) => {
    if (effect.kind === "abort") {
      yields.set(effect.jobId, (yields.get(effect.jobId) ?? 0) + 1);
      const job = jobs.get(effect.jobId)!;
      job.attempt = -1;
      // What it was sent since its last report is not lost.
      const more = Math.floor((timers.now - job.reportedAt) / tokenMs);
      const got = Math.min(more, job.tokens - job.has - 1);
      job.has += got;
      tokens += got;
    } else if (effect.kind === "dispatch") run(effect.jobId, effect.attempt);
  };
  const run = (jobId: string, attempt: number) => {
    const job = jobs.get(jobId)!;
    job.attempt = attempt;
    const before = job.has;
    const go = (ms: number, then: () => void) =>
      timers.after(ms, () => {
        if (job.attempt === attempt) then();
      });
    const advance = () => {
      const left = job.tokens - job.has;
      const more = Math.min(left, Math.max(1, Math.floor(REPORT_MS / tokenMs)));
      go(more * tokenMs, () => {
        job.has += more;
        tokens += more;
        report();
      });
    };
    const report = () => {
      job.reportedAt = timers.now;
      const tokensOut = job.has - before;
      send({ kind: "progress", jobId, attempt, tokensOut });
      if (job.attempt !== attempt) return;
      if (job.has < job.tokens) return advance();
      if (job.has !== job.tokens) wrong++;
      job.attempt = -1;
      const outcome = { kind: "done" as const };
      send({ kind: "attempt_ended", jobId, attempt, tokensOut, outcome });
      if (jobId.startsWith("long")) submit("long", LONG_TOKENS);
    };
    const readMs = before > 0 && restoreMs !== undefined
      ? restoreMs
      : (PROMPT_TOKENS + before) / READ_PER_MS;
    go(readMs + tokenMs, () => {
      if (before === 0 && jobId.startsWith("short")) waits.push(timers.now - job.at);
      job.has++;
      tokens++;
      report();
    });
  };
  const submit = (tenant: string, size: number) => {
    const id = `${tenant}-${count++}`;
    jobs.set(id, { at: timers.now, tokens: size, has: 0, attempt: -1, reportedAt: 0 });
    const job: NewJob = {
      ...{ id, model: "a", fingerprint: A, priority: "interactive", tenant, queuedAt: timers.now },
      ...{
        deadlineAt: undefined,
        attempt: 0,
        tokensIn: PROMPT_TOKENS,
        tokensAtMost: PROMPT_TOKENS,
      },
      ...{ maxTokens: size, affinity: [], speaks: true, isStored: true, deaths: 0 },
    };
    send({ kind: "submit", job });
  };
  const workers = [worker("w", A, { slots: SLOTS })];
  const tick = () => {
    send(pool(workers));
    send({ kind: "tick" });
    timers.after(TICK_MS, tick);
  };
  tick();
  for (let n = 0; n < longAtOnce; n++) submit("long", LONG_TOKENS);
  for (const [index, tenant] of ["short1", "short2", "short3"].entries()) {
    const again = () => {
      submit(tenant, SHORT_TOKENS);
      timers.after(1000, again);
    };
    timers.after(1000 + 37 * index, again);
  }
  while (timers.now < SPAN_MS && timers.next());
  return {
    p50: percentile(waits, 0.5),
    p95: percentile(waits, 0.95),
    tokensPerSecond: tokens * 1000 / SPAN_MS,
    mostYields: Math.max(0, ...yields.values()),
    wrong,
  };
}
