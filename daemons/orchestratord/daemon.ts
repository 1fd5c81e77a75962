import { type Clock, systemClock } from "#shared/clock.ts";
import { listenLimits } from "#shared/config/common.ts";
import { requireTokenOffLoopback } from "#shared/http/auth.ts";
import { streamTransport } from "#shared/http/stream_transport.ts";
import { listen, type Server } from "#shared/http/serve.ts";
import { readCa, readServerTls, trusting } from "#shared/http/tls.ts";
import { planReload, type Reload } from "#shared/config/reload.ts";
import { CloseStack, type Daemon } from "#shared/lifecycle.ts";
import type { Logger } from "#shared/logging.ts";
import { defaultStateDir } from "#shared/paths.ts";
import { hopToken, readApiToken, secretSha256 } from "#shared/secrets.ts";
import { openStateDir } from "#shared/state_dir.ts";
import { Access } from "./access/access.ts";
import { ClusterViews } from "./cluster/views.ts";
import { type Config, keyDefaults, policyOf, policySha256 } from "./config.ts";
import { openFollowing } from "./following.ts";
import { createOrchestratorMetrics } from "./metrics.ts";
import { openSeat, openStore, replicaIdOf } from "./open_store.ts";
import { Loop } from "./scheduler/loop.ts";
import { openLeading } from "./leading.ts";
import { Serving } from "./serving.ts";

/** How long streams have to send their last frame when the daemon stops, in ms. */
const LAST_FRAME_MS = 500;

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
    "cluster",
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
  readonly #serving: Serving;
  readonly #parts: CloseStack;
  readonly #config: Config;

  private constructor(
    server: Server,
    serving: Serving,
    config: Config,
    parts: CloseStack,
  ) {
    this.url = server.url;
    this.#config = config;
    this.#serving = serving;
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
        (server, serving) => new Orchestratord(server, serving, own, parts),
      );
    } catch (error) {
      await parts.close().catch(() => {});
      throw error;
    }
  }

  /** One line with the numbers of running and waiting jobs and of pools. */
  status(): string {
    const state = this.#serving.leading?.loop.state;
    if (!state) return `${this.url}: not serving`;
    const { running, queued, pools } = state;
    const available = [...pools.values()].filter((pool) => pool.available).length;
    return `${this.url}: ${running.size} running, ${queued.size} waiting, ${available} of ${pools.size} pools available`;
  }

  /** Applies a configuration that was read again. */
  reload(next: Config): Reload<Config> {
    const reload = planReload(this.#config, next, NEEDS_RESTART);
    Object.assign(this.#config, reload.config);
    const { loop, pools } = this.#serving.leading ?? {};
    loop?.send({ kind: "policy", policy: policyOf(this.#config) });
    if (loop && loop.state.pools.size > 0) pools?.warnOfModels();
    return reload;
  }

  close(): Promise<void> {
    return this.#parts.close();
  }
}

async function openParts(
  config: Config,
  { log, clock: own = systemClock }: OrchestratordDeps,
  parts: CloseStack,
  make: (server: Server, serving: Serving) => Orchestratord,
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
  const replicaId = replicaIdOf(config, dir.path);
  const url = () => config.cluster.advertise_url ?? server?.url ?? "";
  const store = await openStore(config, dir.path, {
    replicaId,
    url,
    policySha256: () => policySha256(config),
    onFenced: (reason) => serving.fenced(reason),
    minFreeBytes: () => config.files.min_free_bytes,
    onFailure(reason) {
      if (reason === undefined) log.info("database_writable");
      else log.error("database_not_writable", { reason });
      serving.leading?.storage(reason === undefined);
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
  // All orchestrators on a database write its time, so that deadlines and the order of jobs outlive a takeover.
  const clock: Clock = {
    now: () => own.now() + store.clockOffsetMs(),
    steady: () => own.steady(),
    after: (ms, callback) => own.after(ms, callback),
  };
  let server: Server | undefined;
  const seat = await openSeat(config, { incarnation: () => serving.start, url });
  parts.defer(() => seat?.close());
  const idle = new Loop(policyOf(config), clock);
  const metrics = createOrchestratorMetrics({
    state: () => serving.leading?.loop.state ?? idle.state,
    isReady: () => serving.notReadyReason() === undefined,
    size: () => store.size(),
    imageBytes: () => serving.leading?.imageBytes ?? 0,
    term: () => serving.term,
    leads: () => serving.leads,
    async replicas() {
      const members = await store.members();
      const alive = members?.replicas.filter(({ leftMs }) => leftMs > 0).length ?? 1;
      return { alive, silent: (members?.replicas.length ?? 1) - alive };
    },
  });
  const access = new Access({
    token,
    keys: store.keys,
    sessions: store.sessions,
    defaults: () => keyDefaults(config),
    origins: () => config.cors.origins,
    hostNames: () => config.http.host_names,
    clock,
    metrics,
  });
  const cluster = new ClusterViews({
    ...{ store, replicaId, url },
    start: () => serving.start,
    leaderUrl: () => serving.leaderUrl ?? (seat && serving.leads ? url() : undefined),
  });
  const serving: Serving = new Serving({
    ...{ log, store, metrics },
    election: seat && {
      seat,
      renewMs: config.cluster.renew_ms,
      ttlMs: config.cluster.leader_ttl_ms,
      waitMs: config.cluster.leader_wait_ms,
      leaveMs: config.cluster.leave_ms,
      streamsMs: () => config.stop_deadline_ms,
      // Longer than at the one that leads, whose last frame says why.
      slowReaderMs: () => 2 * config.streams.slow_reader_ms,
      hop: hopToken(secretSha256(token ?? "")),
      ca: readCa(config.tls),
      http,
      following: openFollowing({
        ...{ config, log, access, metrics, cluster },
        notReadyReason: () => serving.notReadyReason(),
      }),
    },
    open: (start, mayDecide, term) =>
      openLeading({
        ...{ config, log, clock, store, access, metrics, cluster, start, term, http, openEvents },
        mayDecide,
        onSeenTerm: (seen) => serving.sawTerm(seen),
        maxConnections: () => server?.maxConnections ?? Infinity,
      }),
  });
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

  const { host: hostname, port } = config;
  const limits = listenLimits(config.limits);
  const { fetch, refuse } = serving;
  const listening = server = await listen(
    { ...{ hostname, port, tls, limits, log, refuse }, awaitsClients: true },
    fetch,
  );
  parts.defer(() => listening.close(LAST_FRAME_MS));
  parts.defer(() => serving.close());
  await serving.begin(listening);
  return make(listening, serving);
}
