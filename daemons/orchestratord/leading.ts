import { every } from "#shared/beat.ts";
import type { Clock } from "#shared/clock.ts";
import { appLimits } from "#shared/config/common.ts";
import { type App, createApp } from "#shared/http/app.ts";
import { LargeBodies } from "#shared/http/large_bodies.ts";
import { imageBodyBytes } from "#shared/defaults.ts";
import { CloseStack, delay } from "#shared/lifecycle.ts";
import type { Logger } from "#shared/logging.ts";
import { VERSION } from "#shared/version.ts";
import { mountCluster } from "./api/cluster.ts";
import { mountCommon } from "./api/common.ts";
import { mountEvents } from "./api/events.ts";
import { OpenStreams } from "./open_streams.ts";
import { mountKeys } from "./api/keys.ts";
import { mountBatches } from "./api/batches/mount.ts";
import { BatchRunner } from "./api/batches/runner.ts";
import { mountFiles } from "./api/files/mount.ts";
import { mountAnthropic } from "./api/anthropic/mount.ts";
import { mountLlamaServer } from "./api/llamacpp/mount.ts";
import { mountOllama } from "./api/ollama/mount.ts";
import { mountOpenAi } from "./api/openai/mount.ts";
import { ResponseKeeper } from "./api/responses/keeper.ts";
import { mountResponses } from "./api/responses/mount.ts";
import { meantPath } from "./api/paths.ts";
import { mountPools } from "./api/pools.ts";
import { mountModels } from "./api/models.ts";
import { mountSession } from "./api/session.ts";
import { mountState } from "./api/state.ts";
import { mountTasks } from "./api/tasks.ts";
import { errorFor } from "./api/hide_paths.ts";
import { type Config, policyOf } from "./config.ts";
import { watchStep } from "./feed/activities.ts";
import { levelsOf, NO_COUNTS, readCounts } from "./feed/counts.ts";
import { Feed } from "./feed/feed.ts";
import { History } from "./feed/history.ts";
import { mountConsole } from "./console/serve.ts";
import { Images } from "./images/images.ts";
import { Jobs } from "./jobs/jobs.ts";
import { cancelEarlier } from "./jobs/cancel_earlier.ts";
import type { Phase } from "./jobs/submit.ts";
import type { Access } from "./access/access.ts";
import type { ClusterViews } from "./cluster/views.ts";
import { applyEffect, reportFailure } from "./effects.ts";
import { UNSAFE_WINDOW_MS } from "./access/unsafe_requests.ts";
import { Loop } from "./scheduler/loop.ts";
import type { OrchestratorMetrics } from "./metrics.ts";
import type { Orchestrator } from "./service.ts";
import { Pools } from "./pools/pools.ts";
import { poolViews, workerViews } from "./scheduler/views.ts";
import type { Effect } from "./scheduler/state.ts";
import { isInService } from "./scheduler/workers.ts";
import type { ClientOptions } from "#shared/http/client.ts";
import type { Store } from "./store/job_store.ts";

/** Earlier jobs from which a start learns how long jobs take, at most. */
const REMEMBERED_JOBS = 200;

/** How often rates are measured and sent to the readers of the feed, in ms. */
const MEASURE_MS = 1_000;

/** How often unneeded space of the database is returned to the file system, in ms. */
const TIDY_MS = 1_000;

/** What {@linkcode openLeading} uses. */
export interface LeadingDeps {
  readonly config: Config;
  readonly log: Logger;
  readonly clock: Clock;
  /** The store, already opened. The caller closes it. */
  readonly store: Store;
  /** Number of this start; see {@linkcode Store.begin}. */
  readonly start: number;
  /** Number of its leadership; undefined: there can be only one orchestrator. */
  readonly term: number | undefined;
  readonly access: Access;
  readonly metrics: OrchestratorMetrics;
  readonly cluster: ClusterViews;
  /** The transport to pools and workers. */
  readonly http: Deno.HttpClient | undefined;
  /** The transport of workers' streams. */
  readonly openEvents: NonNullable<ClientOptions["openEvents"]>;
  /** Called with a term higher than its own that a pool or a worker has seen. */
  readonly onSeenTerm?: (term: number) => void;
  /** Whether this process may decide now; while it may not, everything waits for {@linkcode Leading.goOn}. */
  readonly mayDecide?: () => boolean;
  /** Connections that the server may have at a time. */
  readonly maxConnections: () => number;
}

/** The service of the one orchestrator that decides: it queues, places and follows jobs. */
export interface Leading extends Pick<App, "fetch" | "refuse"> {
  readonly loop: Loop;
  readonly pools: Pools;
  /** Bytes of images, and of bodies with images, in memory. */
  readonly imageBytes: number;
  /** Why no work can be accepted; undefined if it can. */
  notReadyReason(): string | undefined;
  /** Takes over what an earlier start left unfinished; to be called once requests may come. */
  begin(): Promise<void>;
  /** To be called when the store takes writes again, or no longer. */
  storage(isWritable: boolean): void;
  /** To be called when it may decide again, after a time in which it might not. */
  goOn(): void;
  /**
   * Decides nothing more and leaves stored jobs to the next leader; calls that are not stored, and whose
   * answers run already, go on until {@linkcode close}.
   *
   * @returns the slots by worker that those use
   */
  handOver(): Promise<ReadonlyMap<string, number>>;
  /** Ends what runs, or leaves it to the next start. */
  close(): Promise<void>;
  /** Ends at once and stores nothing more: somebody else may continue its jobs. */
  abandon(): Promise<void>;
}

/** Makes the service; it waits for {@linkcode Leading.begin} to decide anything. */
export function openLeading(deps: LeadingDeps): Leading {
  const { config, log, clock, store, start, access, metrics, cluster, http, openEvents } = deps;
  const parts = new CloseStack();
  const { term, mayDecide = () => true, onSeenTerm = () => {} } = deps;
  const seen = { term, onSeenTerm };
  let isAbandoned = false;
  let isHandedOver = false;
  const endReason = () =>
    isAbandoned ? "This orchestrator leads no more" : "The orchestrator is stopping";
  let phase: Phase = "restoring";
  const loop = new Loop(policyOf(config), clock, start, () => isHandedOver || mayDecide());
  const history = new History(clock, NO_COUNTS, levelsOf(loop.state));
  const feed = new Feed({
    clock,
    fleet: () => ({ pools: poolViews(loop.state), workers: workerViews(loop.state) }),
    rates: () => history.rates,
    history: () => history.past,
  });
  loop.observe(watchStep, ({ activity, tenant }) => {
    if (activity.kind === "failover") metrics.failovers.inc();
    else if (activity.kind === "yield") metrics.yields.inc();
    feed.add(activity, tenant);
  });
  const images = new Images({ config, store, metrics });
  const largeBodies = new LargeBodies(() => ({
    maxBytes: imageBodyBytes(config.images.max_total_bytes, config.limits.max_body_bytes),
    maxOpenBytes: config.images.max_held_bytes,
  }));
  const jobs = new Jobs({
    config,
    loop,
    store,
    clock,
    log,
    metrics,
    images,
    http,
    openEvents,
    phase: () => phase,
    ...seen,
    onFailed: (job, error) => reportFailure(job, error, { access, feed, jobs }),
  });
  const pools = new Pools({ config, loop, store, clock, log, metrics, access, http, ...seen });
  loop.connect((effect) => {
    if (!isHandedOver || isOfRunningJob(effect)) applyEffect(effect, jobs, pools);
  });

  const orchestrator: Orchestrator = {
    config,
    clock,
    loop,
    store,
    jobs,
    pools,
    access,
    cluster,
    openStreams: new OpenStreams(config, deps.maxConnections),
    feed,
    images,
    metrics,
    markRead(jobId) {
      const contentExpiresAt = clock.now() + config.retention.content_ms;
      store.update(jobId, { contentExpiresAt })
        .catch((error) => log.error("retention_write_failed", { job_id: jobId, error }));
    },
    notReadyReason() {
      if (phase === "restoring") return "Still asking the pools for their state";
      if (phase === "stopping") return endReason();
      const failure = store.failure();
      if (failure !== undefined) return `The database cannot be written: ${failure}`;
      const isAnyPool = [...loop.state.pools.keys()].some((id) => isInService(loop.state, id));
      return isAnyPool ? undefined : "No pool is available";
    },
  };

  const app = createApp({
    title: "orchestratord",
    log,
    authorize: (request, route) => access.authorize(request, route),
    mayRead: (request) => access.mayRead(request),
    limits: { ...appLimits(config.limits), large: largeBodies },
    showError: errorFor,
    meantPath,
    onReply: metrics.http.onReply,
  });
  mountCommon(app, orchestrator);
  mountCluster(app, cluster);
  mountTasks(app, orchestrator);
  mountState(app, orchestrator);
  mountModels(app, orchestrator);
  mountPools(app, orchestrator);
  mountEvents(app, orchestrator);
  mountKeys(app, orchestrator);
  mountSession(app, orchestrator);
  mountConsole(app);
  mountOpenAi(app, orchestrator);
  const keeper = new ResponseKeeper(orchestrator, log);
  mountResponses(app, orchestrator, keeper);
  mountFiles(app, orchestrator);
  const batches = new BatchRunner(orchestrator, log);
  mountBatches(app, orchestrator, batches);
  mountOllama(app, orchestrator);
  mountAnthropic(app, orchestrator);
  mountLlamaServer(app, orchestrator);

  /** Slots that orchestrators which led before, and live, still use. */
  const heldByOthers = async () => {
    const replicas = (await store.members())?.replicas ?? [];
    const held = replicas.filter((each) => each.start !== start && each.leftMs > 0)
      .map(({ heldSlots }) => heldSlots);
    const slots = held.flatMap((each) => [...each.values()]).reduce((sum, n) => sum + n, 0);
    if (slots > 0) log.info("slots_held_elsewhere", { slots });
    return held;
  };

  return {
    loop,
    pools,
    get imageBytes() {
      return images.heldBytes + largeBodies.openBytes;
    },
    notReadyReason: () => orchestrator.notReadyReason(),
    fetch: app.fetch,
    refuse: app.refuse,
    storage: (isWritable) => jobs.storage(isWritable),
    goOn: () => loop.goOn(),
    async begin() {
      parts.defer(() => keeper.close());
      parts.defer(() => jobs.close(endReason()));
      parts.defer(() => batches.close());
      parts.defer(() => feed.close());

      const unfinished = await store.unfinished();
      const left = unfinished.length === 0
        ? ""
        : ` and continues ${unfinished.length} unfinished jobs`;
      feed.add({ kind: "started", message: `orchestratord ${VERSION} has started${left}` });
      for (const pin of await store.pins()) loop.send({ kind: "pin", pin });
      await pools.recall();
      for (const slots of await heldByOthers()) loop.send({ kind: "slots_held", slots });
      for (const row of await store.completed(REMEMBERED_JOBS)) loop.remember(row);
      for (const { tenant, endedAt } of await store.unsafeSince(clock.now() - UNSAFE_WINDOW_MS)) {
        access.recallUnsafe(tenant, Math.max(0, clock.now() - endedAt));
      }
      await cancelEarlier(unfinished, {
        ...{ start, term, http },
        worker: (poolId, workerId) =>
          loop.state.pools.get(poolId)?.workers.find(({ worker_id }) => worker_id === workerId),
      });
      await jobs.restore(unfinished);
      await keeper.resume();
      phase = "serving";
      await batches.resume();

      // Pools do not report here once another one leads: without ticks, they are not taken for lost.
      parts.defer(every(config.tick_ms, () => {
        if (!isHandedOver) loop.send({ kind: "tick" });
      }));
      parts.defer(every(MEASURE_MS, async () => {
        history.look(await readCounts(metrics), levelsOf(loop.state));
        feed.send();
      }));
      let sweeping: Promise<void> | undefined;
      parts.defer(every(config.retention.sweep_ms, () => {
        sweeping ??= sweepOnce(orchestrator, log).finally(() => sweeping = undefined);
      }));
      parts.defer(every(TIDY_MS, () => {
        store.tidy().catch((error) => log.error("database_tidy_failed", { error }));
      }));

      parts.defer(async () => {
        phase = "stopping";
        jobs.drain(endReason());
        const deadline = performance.now() + config.stop_deadline_ms;
        while (!isAbandoned && jobs.running > 0 && performance.now() < deadline) await delay(20);
      });
    },
    async handOver() {
      phase = "stopping";
      await batches.close();
      jobs.drain(endReason());
      isHandedOver = true;
      jobs.release();
      await keeper.close();
      const slots = new Map<string, number>();
      for (const { isStored, lease } of loop.state.running.values()) {
        if (isStored || !lease) continue;
        slots.set(lease.workerId, (slots.get(lease.workerId) ?? 0) + 1);
      }
      return slots;
    },
    close: () => parts.close(),
    abandon() {
      isAbandoned = true;
      return parts.close();
    },
  };
}

/** Whether an effect ends or fences a running job. The next leader does not know of these jobs. */
function isOfRunningJob({ kind }: Effect): boolean {
  return kind === "abort" || kind === "fail" || kind === "suspect";
}

/** Erases everything whose retention is over. */
async function sweepOnce(
  { store, config, clock, metrics }: Orchestrator,
  log: Logger,
): Promise<void> {
  const { metadata_ms, stored_ms } = config.retention;
  const now = clock.now();
  try {
    const { erased, forgotten } = await store.expire(now, now - metadata_ms);
    const responses = await store.responses.expire(now - stored_ms);
    metrics.responsesRemoved.inc({ reason: "expired" }, responses);
    const batches = await store.batches.expire(now - stored_ms);
    const files = await store.files.expire(now, now - stored_ms);
    const images = await store.images.removeUnused();
    if (erased + forgotten + responses + batches + files + images > 0) {
      log.info("retention_swept", { erased, forgotten, responses, batches, files, images });
    }
  } catch (error) {
    log.error("retention_sweep_failed", { error });
  }
}
