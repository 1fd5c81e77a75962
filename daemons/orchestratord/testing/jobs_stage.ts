import type { ErrorData, TaskRequestInput } from "#shared/contracts/mod.ts";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { configSchema } from "../config.ts";
import { applyEffect } from "../effects.ts";
import { Images } from "../images/images.ts";
import { Jobs } from "../jobs/jobs.ts";
import type { LiveJob } from "../jobs/live_job.ts";
import type { Phase, SubmitOptions, Submitted } from "../jobs/submit.ts";
import { factsOf } from "./orchestrator_facts.ts";
import { createOrchestratorMetrics, type OrchestratorMetrics } from "../metrics.ts";
import type { Pools } from "../pools/pools.ts";
import { Loop } from "../scheduler/loop.ts";
import type { Effect, Policy } from "../scheduler/state.ts";
import type { Store } from "../store/job_store.ts";
import { FakeStreams } from "./fake_streams.ts";
import { taskOf } from "./live_jobs.ts";
import { type RecordingLog, recordingLog } from "./recording_log.ts";
import { A, POLICY, pool, worker } from "./scheduler.ts";

/** Options of {@linkcode openStage}. */
export interface StageOptions {
  /** Slots of the only worker, which has the model "a". */
  readonly slots?: number;
  readonly policy?: Partial<Policy>;
  readonly clock?: FakeClock;
  /** Called for each job that fails, in addition to {@linkcode Stage.failed}. */
  readonly onFailed?: (job: LiveJob, error: ErrorData) => void;
}

/**
 * Jobs with a real scheduler and a real store; the test controls the clock and the workers' events.
 */
export interface Stage {
  readonly jobs: Jobs;
  readonly loop: Loop;
  readonly store: Store;
  readonly streams: FakeStreams;
  readonly clock: FakeClock;
  readonly metrics: OrchestratorMetrics;
  readonly log: RecordingLog;
  /** Jobs that ended without their output, and were not cancelled. */
  readonly failed: { readonly id: string; readonly code: string }[];
  /** Effects for the pools, in order. */
  readonly orders: Effect[];
  phase: Phase;
  /** Submits a task for the model "a", by default a durable one. */
  submit(task?: Partial<TaskRequestInput>, options?: Partial<SubmitOptions>): Promise<Submitted>;
  /** Submits a task and returns its live job. */
  start(task?: Partial<TaskRequestInput>, options?: Partial<SubmitOptions>): Promise<LiveJob>;
}

/** Opens a stage with one pool and one ready worker. */
export function openStage(store: Store, options: StageOptions = {}): Stage {
  const { slots = 1, policy, clock = new FakeClock(), onFailed } = options;
  const [streams, log] = [new FakeStreams(), recordingLog()];
  const failed: { id: string; code: string }[] = [];
  const orders: Effect[] = [];
  const loop = new Loop({ ...POLICY, ...policy }, clock);
  const metrics = createOrchestratorMetrics(factsOf(() => loop.state));
  const config = configSchema.parse({ base_path: "/llm" });
  const images = new Images({ config, store, metrics });
  const jobs = new Jobs({
    ...{ config, loop, store, clock, log, metrics, images },
    http: undefined,
    openEvents: streams.open,
    phase: () => stage.phase,
    onFailed(job, error) {
      failed.push({ id: job.id, code: error.code });
      onFailed?.(job, error);
    },
  });
  const pools = { apply: (effect: Effect) => void orders.push(effect) } as unknown as Pools;
  loop.connect((effect) => applyEffect(effect, jobs, pools));
  loop.send(pool([worker("w1", A, { slots, context: 1000 })]));
  const stage: Stage = {
    ...{ jobs, loop, store, streams, clock, metrics, log, failed, orders },
    phase: "serving",
    submit: (task, more) =>
      jobs.submit(taskOf(task), { durable: true, correlationId: "c1", ...more }),
    async start(task, more) {
      const { job } = await stage.submit(task, more);
      if (!job) throw new Error("The submission has no live job");
      return job;
    },
  };
  return stage;
}
