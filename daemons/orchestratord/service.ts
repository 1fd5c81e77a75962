import type { Clock } from "#shared/clock.ts";
import type { OpenStreams } from "./open_streams.ts";
import type { Config } from "./config.ts";
import type { Feed } from "./feed/feed.ts";
import type { Images } from "./images/images.ts";
import type { Jobs } from "./jobs/jobs.ts";
import type { ClusterViews } from "./cluster/views.ts";
import type { Access } from "./access/access.ts";
import type { Loop } from "./scheduler/loop.ts";
import type { OrchestratorMetrics } from "./metrics.ts";
import type { Pools } from "./pools/pools.ts";
import type { Store } from "./store/job_store.ts";

/** The parts of orchestratord that its HTTP handlers use. */
export interface Orchestrator {
  readonly config: Config;
  readonly clock: Clock;
  readonly loop: Loop;
  readonly store: Store;
  readonly jobs: Jobs;
  readonly pools: Pools;
  readonly access: Access;
  readonly cluster: ClusterViews;
  readonly openStreams: OpenStreams;
  readonly feed: Feed;
  readonly images: Images;
  readonly metrics: OrchestratorMetrics;
  /** Notes that a client has read a job to its end: its retention begins. */
  markRead(jobId: string): void;
  /** Why no work can be accepted; undefined if it can. */
  notReadyReason(): string | undefined;
}
