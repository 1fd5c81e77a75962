import { type Clock, systemClock } from "#shared/clock.ts";
import { appLimits, listenLimits } from "#shared/config/common.ts";
import { createApp } from "#shared/http/app.ts";
import { requireTokenOffLoopback } from "#shared/http/auth.ts";
import { streamTransport } from "#shared/http/stream_transport.ts";
import { LargeBodies } from "#shared/http/large_bodies.ts";
import { listen, type Server } from "#shared/http/serve.ts";
import { readCa, readServerTls, trusting } from "#shared/http/tls.ts";
import { imageBodyBytes } from "#shared/defaults.ts";
import { planReload, type Reload } from "#shared/config/reload.ts";
import { CloseStack, type Daemon, delay } from "#shared/lifecycle.ts";
import type { Logger } from "#shared/logging.ts";
import { defaultStateDir } from "#shared/paths.ts";
import { readApiToken } from "#shared/secrets.ts";
import { openStateDir } from "#shared/state_dir.ts";
import { VERSION } from "#shared/version.ts";
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
import { type Config, keyDefaults, policyOf } from "./config.ts";
import { watchStep } from "./feed/activities.ts";
import { levelsOf, NO_COUNTS, readCounts } from "./feed/counts.ts";
import { Feed } from "./feed/feed.ts";
import { History } from "./feed/history.ts";
import { mountConsole } from "./console/serve.ts";
import { Images } from "./images/images.ts";
import { Jobs } from "./jobs/jobs.ts";
import type { Phase } from "./jobs/submit.ts";
import { Access } from "./access/access.ts";
import { applyEffect, reportFailure } from "./effects.ts";
import { UNSAFE_WINDOW_MS } from "./access/unsafe_requests.ts";
import { Loop } from "./scheduler/loop.ts";
import { createOrchestratorMetrics } from "./metrics.ts";
import type { Orchestrator } from "./service.ts";
import { Pools } from "./pools/pools.ts";
import { poolViews, workerViews } from "./scheduler/views.ts";
import { isInService } from "./scheduler/workers.ts";
import { openStore } from "./open_store.ts";

/** Earlier jobs from which a start learns how long jobs take, at most. */
const REMEMBERED_JOBS = 200;

/** How long streams have to send their last frame when the daemon stops, in ms. */
const LAST_FRAME_MS = 500;

/** How often rates are measured and sent to the readers of the feed, in ms. */
const MEASURE_MS = 1_000;

/** How often unneeded space of the database is returned to the file system, in ms. */
const TIDY_MS = 1_000;

/** Settings that only a restart changes. */
const NEEDS_RESTART = [
  ...[
    "host",
    "port",
    "base_path",
    "token_file",
    "tls",
    "state_dir",
    "store",
    "tick_ms",
    "retention.sweep_ms",
    "limits",
  ],
];

/** Dependencies of {@linkcode Orchestratord}. */
export interface OrchestratordDeps {
  readonly log: Logger;
  readonly clock?: Clock;
}

/** The daemon: opens its parts in order and closes them in reverse. */
export class Orchestratord implements Daemon {
  readonly url: string;
  readonly #loop: Loop;
  readonly #pools: Pools;
  readonly #parts: CloseStack;
  readonly #config: Config;

  private constructor(
    server: Server,
    loop: Loop,
    pools: Pools,
    config: Config,
    parts: CloseStack,
  ) {
    this.url = server.url;
    this.#pools = pools;
    this.#config = config;
    this.#loop = loop;
    this.#parts = parts;
  }

  /**
   * Opens the store, listens, and takes over what an earlier process left unfinished.
   *
   * @throws {LlorchError} if the state folder or the port cannot be used; nothing is left open then
   */
  static async open(config: Config, deps: OrchestratordDeps): Promise<Orchestratord> {
    const parts = new CloseStack();
    // A copy that all parts read when they need a setting, so that a reload takes effect everywhere.
    const own = structuredClone(config);
    try {
      return await openParts(
        own,
        deps,
        parts,
        (server, loop, pools) => new Orchestratord(server, loop, pools, own, parts),
      );
    } catch (error) {
      await parts.close().catch(() => {});
      throw error;
    }
  }

  /** One line with the numbers of running and waiting jobs and of pools. */
  status(): string {
    const { running, queued, pools } = this.#loop.state;
    const available = [...pools.values()].filter((pool) => pool.available).length;
    return `${this.url}: ${running.size} running, ${queued.size} waiting, ${available} of ${pools.size} pools available`;
  }

  /** Applies a configuration that was read again. */
  reload(next: Config): Reload<Config> {
    const reload = planReload(this.#config, next, NEEDS_RESTART);
    Object.assign(this.#config, reload.config);
    this.#loop.send({ kind: "policy", policy: policyOf(this.#config) });
    if (this.#loop.state.pools.size > 0) this.#pools.warnOfModels();
    return reload;
  }

  close(): Promise<void> {
    return this.#parts.close();
  }
}

async function openParts(
  config: Config,
  { log, clock = systemClock }: OrchestratordDeps,
  parts: CloseStack,
  make: (server: Server, loop: Loop, pools: Pools) => Orchestratord,
): Promise<Orchestratord> {
  const env = (name: string) => Deno.env.get(name);
  const token = readApiToken(config.token_file, env);
  requireTokenOffLoopback(config.host, token);
  const tls = readServerTls(config.tls);
  const http = trusting(config.tls.ca);
  parts.defer(() => http?.close());
  const openEvents = streamTransport(readCa(config.tls));

  const dir = openStateDir(
    config.state_dir ?? defaultStateDir(env, "orchestratord"),
    "orchestratord",
  );
  parts.defer(() => dir.release());
  const store = await openStore(config, dir.path, {
    onFenced() {
      log.error("store_fenced", {
        reason: "Its row in the database is gone: jobs of before may be continued by another one",
      });
      store.begin().then(
        (start) => log.info("store_opened", { start }),
        (error) => log.error("store_not_opened", { error }),
      );
    },
    minFreeBytes: () => config.files.min_free_bytes,
    onFailure(reason) {
      if (reason === undefined) log.info("database_writable");
      else log.error("database_not_writable", { reason });
      jobs.storage(reason === undefined);
    },
    onLogGrows: (bytes) =>
      log.warn("database_log_grows", {
        bytes,
        reason:
          "Another program keeps a transaction open on the database, so that the log cannot be " +
          "truncated. End that program: fuser orchestrator.db shows its process id",
      }),
  });
  parts.defer(() => store.close());
  // Not awaited: on a full disk it waits.
  store.files.removeUnfinished().catch((error) => log.error("uploads_not_removed", { error }));
  const { bytes, canShrink } = store.size();
  if (!canShrink) {
    log.warn("database_cannot_shrink", {
      bytes,
      reason:
        "It is of an earlier version and was not rewritten at this start: it is too large for that, " +
        "another program has it open, or the disk has no room for a copy. Free pages are reused, but " +
        "not returned to the file system",
      fix: "Stop orchestratord and run: sqlite3 orchestrator.db 'PRAGMA journal_mode = DELETE; " +
        "PRAGMA auto_vacuum = INCREMENTAL; VACUUM;'",
    });
  }

  let phase: Phase = "restoring";
  const loop = new Loop(policyOf(config), clock);
  const metrics = createOrchestratorMetrics(
    () => loop.state,
    () => orchestrator.notReadyReason() === undefined,
    () => store.size(),
    () => images.heldBytes + largeBodies.openBytes,
  );
  const access = new Access({
    token,
    keys: store.keys,
    defaults: () => keyDefaults(config),
    origins: () => config.cors.origins,
    hostNames: () => config.http.host_names,
    clock,
    metrics,
  });
  const history = new History(clock, NO_COUNTS, levelsOf(loop.state));
  const feed = new Feed({
    clock,
    fleet: () => ({ pools: poolViews(loop.state), workers: workerViews(loop.state) }),
    rates: () => history.rates,
    history: () => history.past,
  });
  loop.observe(watchStep, ({ activity, tenant }) => {
    if (activity.kind === "failover") metrics.failovers.inc();
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
    onFailed: (job, error) => reportFailure(job, error, { access, feed, jobs }),
  });
  const pools = new Pools({ config, loop, store, clock, log, metrics, access, http });
  loop.connect((effect) => applyEffect(effect, jobs, pools));

  const listening: { server?: Server } = {};
  const orchestrator: Orchestrator = {
    config,
    clock,
    loop,
    store,
    jobs,
    pools,
    access,
    openStreams: new OpenStreams(config, () => listening.server?.maxConnections ?? Infinity),
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
      if (phase === "stopping") return "The orchestrator is stopping";
      const failure = store.failure();
      if (failure !== undefined) return `The database cannot be written: ${failure}`;
      const isAnyPool = [...loop.state.pools.keys()].some((id) => isInService(loop.state, id));
      return isAnyPool ? undefined : "No pool is available";
    },
  };

  log.info("store_opened", { start: await store.begin() });

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

  const { host: hostname, port } = config;
  const limits = listenLimits(config.limits);
  const { fetch, refuse } = app;
  const server = await listen({ hostname, port, tls, limits, log, refuse }, fetch);
  metrics.http.observeServer(server);
  listening.server = server;
  parts.defer(() => server.close(LAST_FRAME_MS));
  parts.defer(() => keeper.close());
  parts.defer(() => jobs.close());
  parts.defer(() => batches.close());
  parts.defer(() => feed.close());

  const unfinished = await store.unfinished();
  const left = unfinished.length === 0 ? "" : ` and continues ${unfinished.length} unfinished jobs`;
  feed.add({ kind: "started", message: `orchestratord ${VERSION} has started${left}` });
  for (const pin of await store.pins()) loop.send({ kind: "pin", pin });
  await pools.recall();
  for (const row of await store.completed(REMEMBERED_JOBS)) loop.remember(row);
  for (const { tenant, endedAt } of await store.unsafeSince(clock.now() - UNSAFE_WINDOW_MS)) {
    access.recallUnsafe(tenant, Math.max(0, clock.now() - endedAt));
  }
  for (const row of unfinished) await jobs.restore(row);
  await keeper.resume();
  phase = "serving";
  await batches.resume();

  const tick = setInterval(() => loop.send({ kind: "tick" }), config.tick_ms);
  parts.defer(() => clearInterval(tick));
  const measure = setInterval(async () => {
    history.look(await readCounts(metrics), levelsOf(loop.state));
    feed.send();
  }, MEASURE_MS);
  parts.defer(() => clearInterval(measure));
  let sweeping: Promise<void> | undefined;
  const sweep = setInterval(() => {
    sweeping ??= sweepOnce(orchestrator, log).finally(() => sweeping = undefined);
  }, config.retention.sweep_ms);
  parts.defer(() => clearInterval(sweep));
  const tidy = setInterval(() => {
    store.tidy().catch((error) => log.error("database_tidy_failed", { error }));
  }, TIDY_MS);
  parts.defer(() => clearInterval(tidy));

  parts.defer(async () => {
    phase = "stopping";
    jobs.drain();
    const deadline = performance.now() + config.stop_deadline_ms;
    while (jobs.running > 0 && performance.now() < deadline) await delay(20);
  });
  return make(server, loop, pools);
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
