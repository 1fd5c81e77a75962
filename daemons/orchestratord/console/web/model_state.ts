/** What can be said of a model in a word. */
import type { FleetData, ModelView } from "#shared/contracts/mod.ts";
import { isHeard } from "./words.ts";

/** States of models. */
export const MODEL_STATES = [
  ...["loaded", "loading", "on disk", "elsewhere", "load failed", "no heartbeat"] as const,
];

export type ModelState = typeof MODEL_STATES[number];

/** Ids of the workers whose pools are heard of. */
export function heardWorkers(fleet: FleetData | undefined): ReadonlySet<string> {
  const pools = new Set(fleet?.pools.filter(isHeard).map(({ pool_id }) => pool_id));
  return new Set(
    fleet?.workers.filter(({ pool_id }) => pools.has(pool_id)).map(({ worker_id }) => worker_id),
  );
}

/** @param heard See {@linkcode heardWorkers}. */
export function modelState(
  model: Pick<
    ModelView,
    "workers" | "loading" | "loaded" | "failed_loads" | "elsewhere" | "size_bytes"
  >,
  heard: ReadonlySet<string>,
): ModelState {
  if (model.workers.some((id) => heard.has(id))) return "loaded";
  if (model.loading) return "loading";
  if (model.loaded) return "no heartbeat";
  if (model.failed_loads) return "load failed";
  return model.elsewhere !== undefined && model.size_bytes === 0 ? "elsewhere" : "on disk";
}
