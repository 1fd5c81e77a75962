/**
 * Turns a step of the scheduler into activities for people to read. They are derived from the input, the
 * effects, and the state before and after. Nothing is decided here.
 *
 * @module
 */
import type { Activity, WorkerExit } from "#shared/contracts/mod.ts";
import { formatDuration } from "#shared/duration.ts";
import { defined } from "#shared/json.ts";
import { shownName } from "#shared/models/shown_name.ts";
import { nameIndex } from "../scheduler/resolve.ts";
import type { Effect, Input, Pool, PoolReport, Spawn, State } from "../scheduler/state.ts";
import type { Happened, Watch } from "../scheduler/watch.ts";
import { exitReason } from "./exit_reason.ts";
import { stopWords } from "./stop_words.ts";

/** The {@linkcode Watch} that reports activities. */
export const watchStep: Watch = (state, input) => {
  const known = input.kind === "pool_seen" ? state.pools.get(input.pool.id) : undefined;
  const lost = lostAttempt(state, input);
  const stages = new Map([...state.reloads].map(([id, { stage }]) => [id, stage]));
  const forgotten = mayForget(input) ? [...state.pools.keys()] : [];
  return (after, effects) => {
    const happened: Happened[] = [];
    if (input.kind === "pool_seen") happened.push(...poolSeen(after, input.pool, known));
    const gone = forgotten.filter((id) => !after.pools.has(id));
    happened.push(...gone.map((id) => poolGone(id, input)));
    happened.push(...ofOperator(after, input));
    if (lost && !isFailed(lost.jobId, effects)) happened.push(failover(lost));
    for (const effect of effects) {
      const found = ofEffect(after, effect, effects);
      if (found) happened.push(found);
    }
    for (const [poolId, reload] of after.reloads) {
      if (reload.stage === stages.get(poolId)) continue;
      happened.push({
        activity: {
          kind: "reload",
          message: `Replacing ${reload.fromRef} with ${reload.toRef} on pool ${poolId}: ` +
            `${reload.stage}${reload.error === undefined ? "" : `, ${reload.error}`}`,
          pool_id: poolId,
          model: reload.toRef,
        },
      });
    }
    return happened;
  };
};

const mayForget = ({ kind }: Input) => kind === "tick" || kind === "pool_left";

/** An attempt that a job lost, and why. */
interface Lost {
  readonly jobId: string;
  readonly attempt: number;
  readonly workerId: string;
  readonly poolId: string;
  readonly tenant: string;
  readonly reason: string;
}

function lostAttempt(state: Readonly<State>, input: Input): Lost | undefined {
  if (input.kind !== "attempt_ended" || input.outcome.kind !== "lost") return undefined;
  const job = state.running.get(input.jobId);
  if (job?.attempt !== input.attempt || !job.lease) return undefined;
  const { workerId, poolId } = job.lease;
  const { id: jobId, attempt, tenant } = job;
  return { jobId, attempt, workerId, poolId, tenant, reason: input.outcome.message };
}

function failover({ jobId, attempt, workerId, poolId, tenant, reason }: Lost): Happened {
  return {
    tenant,
    activity: {
      kind: "failover",
      message:
        `Job ${jobId} continues elsewhere after attempt ${attempt} on ${workerId}: ${reason}`,
      job_id: jobId,
      worker_id: workerId,
      pool_id: poolId,
      reason,
    },
  };
}

const isFailed = (id: string, effects: readonly Effect[]) =>
  effects.some((effect) => effect.kind === "fail" && effect.jobId === id);

function poolSeen(state: Readonly<State>, pool: PoolReport, known: Pool | undefined): Happened[] {
  const { id, workers, exits } = pool;
  const isNew = known === undefined || known.instanceId !== pool.instanceId;
  const happened: Happened[] = [];
  const add = (activity: Activity) => happened.push({ activity: { pool_id: id, ...activity } });
  if (isNew || !known.available) {
    const held = count(workers.length, "worker");
    const models = count(state.pools.get(id)?.models.length ?? 0, "model");
    add({
      kind: "pool_seen",
      message: `Pool ${id} ${isNew ? "has registered" : "is back"}: ${held}, ${models} on disk`,
    });
  }
  // The pool was not known before, so that it is not known what has changed just now.
  if (known === undefined) return happened;
  const before = new Map(known.workers.map((worker) => [worker.worker_id, worker]));
  for (const worker of workers) {
    const { worker_id, fingerprint, device } = worker;
    if (worker.state !== "ready" || before.get(worker_id)?.state === "ready") continue;
    const model = modelName(state, fingerprint);
    const place = placeName(state, id, device);
    const message = `Worker ${worker_id} is ready with ${model} on ${place}`;
    add({ kind: "ready", message, worker_id, model, device });
  }
  for (const { worker_id } of workers) before.delete(worker_id);
  for (const { worker_id, fingerprint, device } of before.values()) {
    const model = modelName(state, fingerprint);
    const exit = exits.find((each) => each.worker_id === worker_id);
    const reason = describeExit(exit as Partial<WorkerExit> | undefined);
    const message = `Worker ${worker_id} with ${model} on ${id} has ended: ${reason}`;
    add({ kind: "exit", message, worker_id, model, device, reason });
  }
  return happened;
}

/** Why a worker's process ended, for people. */
function describeExit(exit: Partial<WorkerExit> | undefined): string {
  if (exit === undefined) return "its pool no longer reports it";
  const by = exit.signal ? ` by ${exit.signal}` : exit.exit_code ? ` with ${exit.exit_code}` : "";
  const words = {
    stop: "it was stopped",
    oom: `it was killed${by} because memory ran out`,
    timeout: `it was killed${by} because it did not become ready in time`,
    crash: exit.signal ? `it was killed${by}` : `it crashed${by}`,
  }[exit.category ?? "crash"];
  const detail = exitReason(exit.detail);
  return detail === undefined ? words : `${words}: ${detail}`;
}

function poolGone(poolId: string, { kind }: Input): Happened {
  const why = kind === "pool_left" ? "its pool manager stopped" : "it was silent for too long";
  const message = `Pool ${poolId} has left: ${why}`;
  return { activity: { kind: "pool_left", message, pool_id: poolId, reason: why } };
}

/** What an operator has requested. */
function ofOperator(state: Readonly<State>, input: Input): Happened[] {
  switch (input.kind) {
    case "drain_pool":
    case "undrain_pool": {
      const { kind, poolId: pool_id } = input;
      const isOut = kind === "drain_pool";
      const message = `Pool ${pool_id} ${isOut ? "takes no new work" : "is back in service"}`;
      return [{ activity: { kind: isOut ? "drain" : "undrain", message, pool_id } }];
    }
    case "load":
    case "unload":
    case "unpin":
    case "pin": {
      const { fingerprint, poolId, device } = input.kind === "pin" ? input.pin : input.place;
      const model = modelName(state, fingerprint);
      const where = `${device ? ` on ${device}` : ""}${poolId ? ` on pool ${poolId}` : ""}`;
      const what = {
        load: `will be loaded${where}`,
        unload: `will be unloaded${where}`,
        pin: `is pinned${where}: its workers stay loaded`,
        unpin: `is no longer pinned${where}`,
      }[input.kind];
      const place = defined({ pool_id: poolId, device });
      return [{
        activity: { kind: input.kind, message: `Model ${model} ${what}`, model, ...place },
      }];
    }
    default:
      return [];
  }
}

function ofEffect(
  state: Readonly<State>,
  effect: Effect,
  all: readonly Effect[],
): Happened | undefined {
  switch (effect.kind) {
    case "spawn": {
      const { poolId, device, fingerprint } = effect.spawn;
      const model = modelName(state, fingerprint);
      const reason = describeSpawn(state, effect.spawn);
      const message = `Loading ${model} on ${placeName(state, poolId, device)}: ${reason}`;
      return {
        activity: { kind: "spawn", message, reason, pool_id: poolId, device, model },
      };
    }
    case "load_failed": {
      const { poolId, device, fingerprint } = effect.spawn;
      const reason = exitReason(effect.message) ?? "the worker ended before it was ready";
      const model = modelName(state, fingerprint);
      const place = placeName(state, poolId, device);
      const message = `Could not load ${model} on ${place}: ${reason}`;
      return {
        activity: { kind: "spawn_failed", message, reason, pool_id: poolId, device, model },
      };
    }
    case "stop_worker": {
      const { poolId, workerId, reason } = effect;
      const worker = state.workers.get(workerId);
      const other = all.find((each) => each.kind === "spawn" && each.spawn.poolId === poolId);
      const next = other?.kind === "spawn" ? modelName(state, other.spawn.fingerprint) : undefined;
      const words = stopWords(reason, next);
      const model = worker && modelName(state, worker.report.fingerprint);
      const message = `Stopping worker ${workerId}${
        model ? ` with ${model}` : ""
      } on ${poolId}: ${words}`;
      return {
        activity: {
          kind: reason === "evict" ? "evict" : "stop",
          message,
          reason: words,
          pool_id: poolId,
          worker_id: workerId,
          ...defined({ model }),
        },
      };
    }
    case "pool_lost": {
      const reason = `no heartbeat for ${formatDuration(state.policy.poolTimeoutMs)}`;
      const message = `Pool ${effect.poolId}: ${reason}`;
      return { activity: { kind: "pool_lost", message, reason, pool_id: effect.poolId } };
    }
    case "abort": {
      if (isFailed(effect.jobId, all)) return undefined;
      const job = state.queued.get(effect.jobId) ?? state.running.get(effect.jobId);
      const { jobId: job_id, attempt, reason, yields } = effect;
      if (yields) {
        const message =
          `Job ${job_id} gives its slot to others after attempt ${attempt}, and continues later`;
        return { tenant: job?.tenant, activity: { kind: "yield", message, job_id, reason } };
      }
      const message = `Job ${job_id} continues elsewhere after attempt ${attempt}: ${reason}`;
      return { tenant: job?.tenant, activity: { kind: "failover", message, job_id, reason } };
    }
    default:
      return undefined;
  }
}

/** Why a worker is requested, for people. */
function describeSpawn(state: Readonly<State>, { fingerprint, isSwap }: Spawn): string {
  const wish = [...state.wishes.values()].find((each) => each.fingerprint === fingerprint);
  let waiting = 0;
  for (const job of state.queued.values()) if (job.fingerprint === fingerprint) waiting++;
  const held = state.holders.get(fingerprint)?.size ?? 0;
  if (waiting > 0) {
    const jobs = `${waiting === 1 ? "1 job waits" : `${waiting} jobs wait`} for it`;
    if (held > 0) return `${jobs} and every slot is taken`;
    return isSwap ? `${jobs}, and other workers stop to make room` : jobs;
  }
  if (wish) return wish.isPreload ? "it is a model to preload" : "an operator asked for it";
  return "it replaces another model";
}

/** A model's name for people; the start of its fingerprint if no pool has it any more. */
export function modelName(state: Readonly<State>, fingerprint: string): string {
  const same = [...state.pools.values()].flatMap(({ models }) =>
    models.filter((each) => each.fingerprint === fingerprint)
  );
  const [first] = same;
  if (!first) return `${fingerprint.slice(0, 12)}…`;
  const names = nameIndex(state.pools.values());
  const aliases = same.flatMap((each) => each.aliases);
  return shownName({ ...first, aliases }, (name) => (names.get(name)?.size ?? 0) <= 1);
}

/** Where a worker is, for people: its pool, and its device if the pool has several. */
function placeName(state: Readonly<State>, poolId: string, device: string): string {
  const several = (state.pools.get(poolId)?.devices.length ?? 0) > 1;
  return several ? `${poolId} (${device})` : poolId;
}

function count(number: number, name: string): string {
  return number === 1 ? `1 ${name}` : `${number || "no"} ${name}s`;
}
