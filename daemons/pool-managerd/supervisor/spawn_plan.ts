import { placeOf } from "#shared/contracts/place.ts";
import type { PoolModel, SpawnRequest } from "#shared/contracts/pool.ts";
import { LlorchError } from "#shared/errors.ts";
import { defaultLoad, type LoadDefaults } from "#shared/models/default_load.ts";
import { engineOf, type Engines } from "../engines.ts";
import { place, type PlacementFacts } from "./placement.ts";
import type { SpawnPlan } from "./record.ts";

/** Input of the plan of a spawn. */
export interface SpawnFacts extends PlacementFacts {
  readonly models: readonly PoolModel[];
  readonly defaults: LoadDefaults;
  readonly engines: Engines;
}

/**
 * Decides what exactly a spawn starts. Memory is claimed on every device of a load, or on none.
 *
 * A load that names no device goes to the usual one. A model that is larger than that goes to the fewest
 * GPUs of its kind that hold it together, if its settings allow that.
 *
 * @throws {LlorchError} `MODEL_NOT_FOUND`, `NOT_FOUND`, `INSUFFICIENT_MEMORY`, or
 * `WORKER_START_FAILED` for a device that cannot be used now
 */
export function planSpawn(request: SpawnRequest, facts: SpawnFacts): SpawnPlan {
  const model = selectModel(facts.models, request);
  const usual = defaultLoad(model, facts.defaults);
  const load = { context: request.context ?? usual.context, slots: request.slots ?? usual.slots };
  const { devices, claims, gpuLayers, split } = place({ request, facts, model, load });
  const bytesOn = (id: string) => claims.find(({ device }) => device === id)?.bytes ?? 0;
  const host = facts.devices.find(({ kind }) => kind === "cpu");
  return {
    request,
    modelPath: model.path,
    projectorPath: model.projector?.path,
    modelNames: [model.model_ref, ...model.aliases],
    sizeBytes: model.size_bytes,
    device: { id: placeOf(devices.map(({ id }) => id)), kind: devices[0].kind },
    claims,
    ...load,
    gpuLayers,
    estimateBytes: devices.reduce((sum, { id }) => sum + bytesOn(id), 0),
    hostBytes: host ? bytesOn(host.id) : 0,
    ...(split ? { split } : {}),
    engine: engineOf(model, facts.engines),
  };
}

/** The model with the fingerprint; another file with the same name is not accepted. */
function selectModel(models: readonly PoolModel[], request: SpawnRequest): PoolModel {
  const { model_ref, fingerprint } = request;
  const found = models.find((model) => model.fingerprint === fingerprint);
  if (found) return found;
  const namesake = models.find((model) =>
    model.model_ref === model_ref || model.aliases.includes(model_ref)
  );
  const other = namesake
    ? `: the file that this pool has by that name is another one (fingerprint ${namesake.fingerprint})`
    : ` on this pool`;
  throw new LlorchError(
    "MODEL_NOT_FOUND",
    `Cannot find model "${model_ref}"${other}; ${
      model_ref.startsWith("file:")
        ? "put its file into a models folder of its host"
        : `run llorch models download ${model_ref} on its host`
    }`,
    { details: { model_ref, fingerprint } },
  );
}
