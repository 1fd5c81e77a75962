import type {
  DeviceKind,
  ModelView,
  PoolModel,
  PoolView,
  QueueView,
  Sense,
  UnusableModelView,
  WorkerState,
  WorkerView,
} from "#shared/contracts/mod.ts";
import { defined } from "#shared/json.ts";
import { defaultLoadBytes, defaultLoadSource } from "./load_size.ts";
import { planLoad } from "./placement.ts";
import { queueOrder } from "./queue.ts";
import { hasSense, nameIndex, namesOf } from "./resolve.ts";
import type { Job } from "./job.ts";
import { anywhere, breakerKey, type Pool, type State, type Worker } from "./state.ts";
import { freeSeat, isLoaded, isLoadedOrLoading, isPinned, usedSlots } from "./workers.ts";

/** Jobs that `/v2/queue` lists one by one, at most. */
export const LISTED_JOBS = 1000;

/** Every model that some pool has, one per fingerprint. */
export function modelViews(state: Readonly<State>): ModelView[] {
  const names = nameIndex(state.pools.values());
  const views = new Map<string, ModelView>();
  const wished = new Set([...state.wishes.values()].map(({ fingerprint }) => fingerprint));
  const pinned = new Set([...state.pins.values()].map(({ fingerprint }) => fingerprint));
  for (const pool of state.pools.values()) {
    for (const model of pool.models) {
      const ready = pool.workers
        .filter((w) => w.fingerprint === model.fingerprint && w.state === "ready");
      const workers = ready.map((w) => w.worker_id);
      const known = views.get(model.fingerprint);
      const warning = ready.find((w) => w.warning !== undefined)?.warning ?? known?.warning;
      const loadError = state.breakers.get(breakerKey(pool.id, model.fingerprint))?.lastError ??
        known?.load_error;
      const aliases = [...new Set([...known?.aliases ?? [], ...namesOf(model)])];
      views.set(model.fingerprint, {
        model_ref: known?.model_ref ?? model.model_ref,
        aliases,
        fingerprint: model.fingerprint,
        architecture: model.architecture,
        context_length: model.context_length,
        ...defined({
          default_context: least(known?.default_context, model.default_load?.context),
        }),
        size_bytes: model.size_bytes,
        ...defined({ facts: model.facts ?? known?.facts }),
        ...sensesOf(state, model.fingerprint),
        ...defined({ elsewhere: withElsewhere(known?.elsewhere, model.elsewhere) }),
        estimated_bytes: known?.estimated_bytes ?? defaultLoadBytes(model, usualKind(pool)),
        ...defined({
          estimated_by: known ? known.estimated_by : defaultLoadSource(model, usualKind(pool)),
        }),
        pools: [...new Set([...known?.pools ?? [], pool.id])],
        loaded: (known?.loaded ?? false) || workers.length > 0,
        loading: wished.has(model.fingerprint) ||
          isLoadedOrLoading(state, model.fingerprint) && workers.length === 0,
        pinned: pinned.has(model.fingerprint),
        workers: [...new Set([...known?.workers ?? [], ...workers])],
        ...(loadError === undefined || workers.length > 0 ? {} : { load_error: loadError }),
        ...(warning === undefined ? {} : { warning }),
        ambiguous_aliases: aliases.filter((name) => (names.get(name)?.size ?? 0) > 1),
      });
    }
  }
  return [...views.values()].sort((a, b) => (a.model_ref < b.model_ref ? -1 : 1));
}

/** The hosts that serve a model, with one more, if it is another. */
function withElsewhere(
  known: ModelView["elsewhere"],
  elsewhere: PoolModel["elsewhere"],
): ModelView["elsewhere"] {
  if (!elsewhere || known?.some(({ host }) => host === elsewhere.host)) return known;
  const { host, is_outside } = elsewhere;
  return [...known ?? [], { host, is_outside }];
}

/** The smaller of two numbers, each of which may be unknown. */
function least(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? one ?? other : Math.min(one, other);
}

/** Files of all pools that no worker could load. */
export function unusableViews({ pools }: Readonly<State>): UnusableModelView[] {
  return [...pools.values()].flatMap(({ id, unusable }) =>
    unusable.map((file) => ({ pool_id: id, ...file }))
  );
}

/** Kind of the device that a pool loads models on. */
function usualKind({ devices }: Pool): DeviceKind | undefined {
  return devices.find(({ asked_only, kind }) => !asked_only && kind !== "cpu")?.kind ??
    devices[0]?.kind;
}

/**
 * Workers of all pools. `active` counts the jobs dispatched from here, which is current, and those of an
 * orchestrator that led before; a pool's own figure is as old as its last heartbeat.
 */
export function workerViews(state: Readonly<State>): WorkerView[] {
  return [...state.pools.values()].flatMap((pool) =>
    pool.workers.map((worker) => ({
      worker_id: worker.worker_id,
      pid: worker.pid,
      pool_id: pool.id,
      model_ref: worker.model_ref,
      device: worker.device,
      state: stateOf(state.workers.get(worker.worker_id), worker.state),
      slots: worker.slots,
      active: usedBy(state.workers.get(worker.worker_id)),
      ...defined({ server_load: worker.server_load }),
      context: worker.context,
      memory_bytes: worker.memory_bytes,
      ...(worker.shares ? { shares: worker.shares } : {}),
      pinned: isPinned(state, { poolId: pool.id, report: worker }),
      ...readyAt(state.workers.get(worker.worker_id)),
    }))
  );
}

function usedBy(worker: Worker | undefined): number {
  return worker === undefined ? 0 : usedSlots(worker);
}

function readyAt(worker: Worker | undefined): Pick<WorkerView, "ready_at"> {
  if (worker?.readySince === undefined) return {};
  return { ready_at: new Date(worker.readySince).toISOString() };
}

/** A worker's state; a stop that was decided here overrides what its pool last reported. */
function stateOf(worker: Worker | undefined, reported: WorkerState): WorkerState {
  if (worker?.stoppingSince !== undefined) return "stopping";
  return worker?.leaving !== undefined ? "draining" : reported;
}

/** Pools and their devices. */
export function poolViews(state: Readonly<State>): PoolView[] {
  return [...state.pools.values()].map((pool) => ({
    pool_id: pool.id,
    endpoint: pool.endpoint,
    version: pool.version,
    status: statusOf(state, pool),
    last_seen_at: new Date(pool.lastSeenAt).toISOString(),
    devices: [...pool.devices],
    workers: pool.workers.map((worker) => worker.worker_id),
    models: pool.models.length,
    ...reloadOf(state, pool.id),
  }));
}

function statusOf(state: Readonly<State>, pool: Pool): PoolView["status"] {
  if (!pool.available) return "unavailable";
  if (!state.drains.has(pool.id)) return "available";
  return pool.workers.length > 0 ? "draining" : "drained";
}

function reloadOf(state: Readonly<State>, poolId: string): Pick<PoolView, "reload"> {
  const reload = state.reloads.get(poolId);
  if (!reload) return {};
  const { fromRef: from, toRef: to, stage, error } = reload;
  return { reload: { from, to, stage, ...defined({ error }) } };
}

/** The waiting jobs, in the order in which they are served, each with the reason why it waits. */
export function queueView(state: Readonly<State>, now: number): Omit<QueueView, "running"> {
  const jobs = queueOrder(state, now);
  const byModel = new Map<string, number>();
  const byPriority = { interactive: 0, batch: 0 };
  for (const job of jobs) {
    byModel.set(job.model, (byModel.get(job.model) ?? 0) + 1);
    byPriority[job.priority]++;
  }
  return {
    capacity: state.policy.queueCapacity,
    depth: jobs.length,
    by_priority: byPriority,
    by_model: [...byModel].map(([model, waiting]) => ({ model, waiting })),
    jobs: jobs.slice(0, LISTED_JOBS).map((job, position) => ({
      job_id: job.id,
      model: job.model,
      priority: job.priority,
      position,
      waiting_ms: Math.max(0, now - job.queuedAt),
      reason: waitReason(state, job, now),
    })),
  };
}

function waitReason(state: Readonly<State>, job: Job, now: number): string {
  if (job.notBefore > now) return "it pauses after a failed attempt";
  if (freeSeat(state, job.fingerprint, now, job)) return "it is about to start";
  if ([...state.swaps.values()].some((ids) => holds(state, job.fingerprint, ids))) {
    return "the model's worker takes no new jobs until another model has had its turn";
  }
  if (isLoaded(state, job.fingerprint)) return "every slot of the model is taken";
  if (isLoadedOrLoading(state, job.fingerprint)) return "the model is loading";
  const plan = planLoad(state, anywhere(job.fingerprint), now - job.waitingSince, now);
  if (plan.kind === "yield") return "busy workers take no new jobs so that the model can be loaded";
  return plan.kind === "wait" ? plan.reason : "the model is about to be loaded";
}

function holds(state: Readonly<State>, fingerprint: string, ids: ReadonlySet<string>): boolean {
  return [...ids].some((id) => state.workers.get(id)?.report.fingerprint === fingerprint);
}

function sensesOf({ pools }: Pick<Readonly<State>, "pools">, fingerprint: string) {
  const has = (sense: Sense) => hasSense(pools.values(), fingerprint, sense);
  return {
    ...(has("vision") ? { vision: true as const } : {}),
    ...(has("audio") ? { audio: true as const } : {}),
  };
}
