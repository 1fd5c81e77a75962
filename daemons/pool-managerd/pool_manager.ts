import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { type Clock, systemClock } from "#shared/clock.ts";
import type { PoolState } from "#shared/contracts/pool.ts";
import { EXIT, LOOPBACK } from "#shared/defaults.ts";
import { appLimits, listenLimits } from "#shared/config/common.ts";
import { findExecutable } from "#shared/executables.ts";
import { bearerAuth, requireTokenOffLoopback } from "#shared/http/auth.ts";
import { createClient } from "#shared/http/client.ts";
import { listen } from "#shared/http/serve.ts";
import { readServerTls, trusting } from "#shared/http/tls.ts";
import { CloseStack, type Daemon } from "#shared/lifecycle.ts";
import type { Logger } from "#shared/logging.ts";
import { defaultModelsDirs } from "#shared/models/default_dirs.ts";
import { estimateMemory } from "#shared/models/estimate.ts";
import { type ScanCache, scanModels } from "#shared/models/scan.ts";
import { Terms } from "#shared/terms.ts";
import { sequenceOf } from "#shared/reports.ts";
import { defaultStateDir, type Env } from "#shared/paths.ts";
import { callbackToken, newSecret, readApiToken, secretSha256 } from "#shared/secrets.ts";
import { VERSION } from "#shared/version.ts";
import { type AppContext, createCallbackApp, createPoolApp } from "./app.ts";
import { orchestratorUrls, type PoolConfig, poolIdFromHost } from "./config.ts";
import { cpuDevice } from "./devices/cpu.ts";
import type { DeviceSource } from "./devices/device_source.ts";
import { createDevices, type Devices, systemSources } from "./devices/devices.ts";
import { heldOn, roomOn, usualRoom } from "./devices/room.ts";
import { createInstruments } from "./instruments.ts";
import { Link } from "./link/link.ts";
import { Catalog, type CatalogOptions } from "./models/catalog.ts";
import { withEngines } from "./engines.ts";
import { Estimates } from "./models/estimates.ts";
import { describeDefaultLoad } from "./models/load_figure.ts";
import {
  defaultsOf,
  extraFiles,
  measurementKey,
  onHost,
  placeSettingsOf,
  withSettings,
} from "./models/load_memory.ts";
import { withOwnTemplates } from "./models/own_templates.ts";
import { withOneOfEach } from "./models/same_content.ts";
import { weightsComparer } from "./models/same_weights.ts";
import { openStagedFiles } from "./models/staged_files.ts";
import { Staging } from "./models/staging.ts";
import { openSavedSlots } from "./slots/saved_slots.ts";
import { openPoolStore } from "./store/pool_store.ts";
import { openPoolStateDir } from "./store/state_dir.ts";
import { urlHost } from "#shared/http/url_host.ts";
import { localHost } from "./address.ts";
import { LogFiles } from "./supervisor/log_files.ts";
import { engineQuestions } from "./supervisor/engine_questions.ts";
import { httpProbe } from "./supervisor/probe.ts";
import { systemProcessTable } from "./supervisor/process_table.ts";
import { Roster } from "./supervisor/roster.ts";
import type { StarterOptions } from "./supervisor/starter.ts";
import { Supervisor } from "./supervisor/supervisor.ts";
import { processEnv, workerNames } from "./supervisor/worker_command.ts";
import { processSpawner } from "./supervisor/worker_process.ts";

/** Dependencies of a pool manager; the defaults are this machine. */
export interface PoolManagerContext {
  readonly log: Logger;
  readonly clock?: Clock;
  readonly env?: Readonly<Record<string, string>>;
  /** Sources of the devices. */
  readonly deviceSources?: readonly DeviceSource[];
  /** Scans the models folders. */
  readonly scan?: CatalogOptions["scan"];
  /** Finds the worker's program for a kind of device. */
  readonly findWorker?: StarterOptions["findWorker"];
}

/** A running pool manager. */
export interface PoolManager extends Daemon {
  readonly url: string;
  readonly poolId: string;
}

/**
 * Opens a pool manager: when this returns, it listens and has adopted living workers. Steps that
 * can fail (folder, lock, database, port) come before anything is started.
 *
 * @throws if a part cannot be opened; those opened before are closed again
 */
export async function openPoolManager(
  config: PoolConfig,
  context: PoolManagerContext,
): Promise<PoolManager> {
  const stack = new CloseStack();
  try {
    const memoryBytes = Math.min(
      (await cpuDevice()).total_bytes,
      config.devices.cpu_max_bytes ?? Infinity,
    );
    return await open(onHost(config, memoryBytes), context, stack);
  } catch (error) {
    await stack.close();
    throw error;
  }
}

async function open(
  config: PoolConfig,
  { log, clock = systemClock, ...context }: PoolManagerContext,
  stack: CloseStack,
): Promise<PoolManager> {
  const environment = context.env ?? Deno.env.toObject();
  const env: Env = (name) => environment[name];
  const token = readApiToken(config.token_file, env);
  requireTokenOffLoopback(config.host, token);
  const tls = readServerTls(config.tls);
  const http = trusting(config.tls.ca);
  stack.defer(() => http?.close());
  const poolId = config.pool_id ?? poolIdFromHost(Deno.hostname());
  const instanceId = newSecret().slice(0, 16);

  const dir = openPoolStateDir(resolve(config.state_dir ?? defaultStateDir(env, "pool-managerd")));
  stack.defer(() => dir.release());
  const store = openPoolStore(dir.databasePath, (reason) => {
    if (reason === undefined) log.info("database_writable");
    else log.error("database_not_writable", { reason });
  });
  stack.defer(() => store.close());

  const instruments = createInstruments();
  let link: Link | undefined;
  const onChange = () => link?.changed();
  let retentionMs = Infinity;
  const savedSlots = openSavedSlots({ dir: dir.slotsDir, config: config.saved_slots, clock, log });
  stack.defer(() => savedSlots?.close());
  const table = systemProcessTable();
  const logs = new LogFiles(dir.logsDir, log);
  const roster = new Roster({
    store,
    logs,
    table,
    savedSlots,
    stopDeadlineMs: config.worker.stop_deadline_ms,
    clock,
    log,
    instruments,
    onChange,
  });

  const devices: Devices = createDevices(
    context.deviceSources ?? systemSources({
      maxBytes: config.devices.cpu_max_bytes,
      heldBytes: () => heldOn("cpu", roster.commitments),
    }),
    { cpu: config.devices.cpu, clock, log },
  );
  const staging = new Staging({
    files: openStagedFiles({
      dir: config.staging.dir ?? stagingDir(dir.databasePath),
      maxBytes: config.staging.max_bytes,
      log,
    }),
    maxBytes: config.staging.max_bytes,
    workersOf: (fingerprint) => roster.workersOf(fingerprint),
    async room() {
      const host = (await devices.current()).find(({ kind }) => kind === "cpu");
      return host ? roomOn(host, roster.commitments) : 0;
    },
    clock,
    log,
  });
  stack.defer(() => staging.close());
  // Fixed at the start: loads of a model must not change with what else is loaded.
  let roomAtStart = 0;
  const defaults = () => defaultsOf(config.worker, roomAtStart);
  const modelsDirs = (config.models_dirs ?? defaultModelsDirs(env)).map((each) => resolve(each));
  const scanned: ScanCache = new Map();
  const beside = extraFiles();
  const pathsOfModels = new Map<string, string>();
  const isAlike = weightsComparer();
  const scan = context.scan ?? (() => scanModels(modelsDirs, scanned));
  const findWorker = context.findWorker ??
    ((kind: string) => findExecutable("llorch-candled", workerNames(kind)));
  const estimates: Estimates = new Estimates({
    ...engineQuestions({
      ...{ config, findWorker, defaults },
      env: processEnv(environment, config.log_level),
      devices: () => devices.last,
    }),
    stored: (key) => store.estimate(key),
    store: (key, bytes) => store.keepEstimate(key, bytes),
    isBusy: () => roster.isLoading,
    counted: (outcome) => instruments.estimated(outcome),
    onChange: () => catalog.refresh(),
    clock,
    log,
  });
  stack.defer(() => estimates.close());
  const catalog = new Catalog({
    scan: async () => {
      const files = await withOwnTemplates(await scan(), config);
      const found = await withOneOfEach(files, pathsOfModels, isAlike);
      return await withSettings(withEngines(found, config.engines), config, beside);
    },
    measurements: () => store.measurements(),
    measurementKey: (model) => measurementKey(model, config.worker, config.engines),
    describeLoad(model, measured) {
      const known = { measured, said: estimates.figures(model.fingerprint) };
      const settings = placeSettingsOf(model, config);
      return describeDefaultLoad(model, defaults(), known, estimateMemory, settings);
    },
    describeEstimates: ({ fingerprint }) => estimates.describe(fingerprint),
    // The first scan comes before the devices are known.
    onScanned: (models) => void devices.current().then(() => estimates.refresh(models)),
    isStaged: (fingerprint) => staging.isStaged(fingerprint),
    rescanMs: config.models.rescan_ms,
    clock,
    log,
    onChange,
  });
  stack.defer(() => catalog.close());
  const supervisor = new Supervisor({
    config: config.worker,
    logLevel: config.log_level,
    engines: config.engines,
    store,
    roster,
    spawner: processSpawner(table, clock),
    devices,
    catalog,
    staging,
    savedSlots,
    cacheExpireMs: () => Math.min(config.saved_slots.expire_ms, retentionMs),
    probe: httpProbe,
    estimate: estimateMemory,
    estimates,
    defaults,
    findWorker,
    env: environment,
    logs,
    clock,
    log,
    instruments,
    onChange,
  });
  stack.defer(() => supervisor.close());

  let sequence = 0;
  const state = async (): Promise<PoolState & { sequence: number }> => {
    const current = await devices.current();
    // No await from here on, so that a higher sequence number means a later state.
    return {
      pool_id: poolId,
      instance_id: instanceId,
      sequence: ++sequence,
      endpoint: config.advertise_url ?? server.url,
      version: VERSION,
      models_revision: catalog.revision,
      devices: [...staging.credit(current)],
      models: [...catalog.models],
      unusable: [...catalog.unusable],
      workers: supervisor.workers(),
      exits: supervisor.exits(),
    };
  };
  let isStopping = false;
  const ended = Promise.withResolvers<number>();
  const appContext: AppContext = {
    poolId,
    supervisor,
    callbackUrl: () => `${callbacks?.url ?? localUrl()}/workers/ready`,
    authorize: bearerAuth(token, token && callbackToken(secretSha256(token))),
    terms: new Terms(store.term(), (term) => store.keepTerm(term)),
    isOutdated: (report) =>
      (sequenceOf(report, instanceId) ?? Infinity) < (link?.registeredWith ?? 0),
    limits: appLimits(config.limits),
    metrics: instruments.metrics,
    log,
    state,
    notReady: () => isStopping ? "This pool manager is stopping" : undefined,
  };
  const app = createPoolApp(appContext);
  const callbackApp = createCallbackApp(appContext);
  // Requests wait until living workers are known; the port must be ours before that.
  const opened = Promise.withResolvers<void>();
  const server = await listen(
    {
      ...{ hostname: config.host, port: config.port, tls, log },
      limits: listenLimits(config.limits),
      refuse: app.refuse,
    },
    async (request) => {
      await opened.promise;
      return await app.fetch(request);
    },
  );
  instruments.metrics.observeServer(server);
  stack.defer(() => server.close());
  const localUrl = () => `http://${urlHost(localHost(config.host))}:${server.port}`;
  // With TLS, workers call back at a local address, which the certificate need not name.
  const callbacks = tls && await listen({ hostname: LOOPBACK, port: 0 }, async (request) => {
    await opened.promise;
    return await callbackApp.fetch(request);
  });
  stack.defer(() => callbacks?.close());
  await supervisor.open();
  if (config.worker.default_context === "auto") {
    roomAtStart = usualRoom(await devices.current(), roster.commitments);
  }
  await catalog.rescan();
  void staging.open(() => catalog.refresh());
  opened.resolve();

  const { timeout_ms: timeoutMs } = config.orchestrator;
  const urls = orchestratorUrls(config);
  if (urls.length > 0) {
    link = new Link({
      clients: urls.map((baseUrl) => createClient({ baseUrl, token, timeoutMs, http })),
      config: config.orchestrator,
      heartbeat: config.heartbeat,
      state,
      acknowledge: (workerIds) => supervisor.acknowledge(workerIds),
      onRetention(ms) {
        retentionMs = ms;
        savedSlots?.limit(ms);
      },
      // With running workers the pool manager continues, so that they are not lost.
      onTwin() {
        if (supervisor.workers().length === 0) ended.resolve(EXIT.failed);
      },
      clock,
      log,
      instruments,
    });
    link.start();
  }
  instruments.observe({
    workers: () => supervisor.workers(),
    devices: () => devices.last,
    modelCount: () => catalog.models.length,
    stagedBytes: () => staging.bytes,
    savedSlotBytes: () => savedSlots?.bytes ?? 0,
    isRegistered: () => link?.isRegistered ?? false,
  });
  const isLeaving = config.on_stop === "stop";
  stack.defer(() => link?.close(isLeaving));
  stack.defer(async () => {
    isStopping = true;
    link?.stopping();
    if (isLeaving) await supervisor.stopAll();
  });
  return {
    url: server.url,
    poolId,
    ended: ended.promise,
    status() {
      const workers = supervisor.workers().length;
      const known = link === undefined
        ? "alone"
        : `${link.isRegistered ? "registered with" : "not registered with"} ${link.url}`;
      return `${server.url}: ${workers} workers, ${known}`;
    },
    close: () => stack.close(),
  };
}

/** Default folder of the copies in memory: one for each state folder. */
function stagingDir(databasePath: string): string {
  const print = createHash("sha256").update(databasePath).digest("hex").slice(0, 12);
  return `/dev/shm/llorch-${print}`;
}
