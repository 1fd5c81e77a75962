import type { PoolModel } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Pool } from "./state.ts";

/** Names listed in an error, at most. */
const SHOWN_NAMES = 8;

/** A model that a name stands for. */
export interface ResolvedModel {
  readonly fingerprint: string;
  readonly model: PoolModel;
}

/** Every name by which a pool's model can be asked for. */
export function namesOf(model: PoolModel): string[] {
  return [...new Set([model.model_ref, ...model.aliases])];
}

/** What each name stands for, over all known pools: more than one fingerprint is ambiguous. */
export function nameIndex(pools: Iterable<Pool>): Map<string, Map<string, PoolModel>> {
  const index = new Map<string, Map<string, PoolModel>>();
  for (const pool of pools) {
    for (const model of pool.models) {
      for (const name of namesOf(model)) {
        const byFingerprint = index.get(name) ?? new Map<string, PoolModel>();
        byFingerprint.set(model.fingerprint, model);
        index.set(name, byFingerprint);
      }
    }
  }
  return index;
}

/**
 * The one model that a name stands for.
 *
 * @throws {LlorchError} `POOL_UNAVAILABLE` when no pool is known, `MODEL_NOT_FOUND` with the way to
 * get the model, `INVALID_REQUEST` with the candidates of an ambiguous name.
 */
export function resolveModel(
  index: ReturnType<typeof nameIndex>,
  name: string,
  poolsKnown: number,
): ResolvedModel {
  const found = index.get(name);
  if (found === undefined) {
    if (poolsKnown === 0) {
      throw new LlorchError(
        "POOL_UNAVAILABLE",
        `Cannot run "${name}": no pool has registered yet; start pool-managerd on a host`,
        { retryAfterMs: 5000 },
      );
    }
    const names = [...index.keys()].filter((each) => !each.includes("/")).sort();
    const shown = names.slice(0, SHOWN_NAMES).join(", ") || "none";
    throw new LlorchError(
      "MODEL_NOT_FOUND",
      `Cannot find model "${name}" on any pool: ${
        wayToGet(name)
      }, or use one of those there (${shown})`,
      { details: { available: names.slice(0, 100) } },
    );
  }
  const candidates = [...found.values()];
  const [model] = candidates;
  if (model && candidates.length === 1) return { fingerprint: model.fingerprint, model };
  throw new LlorchError(
    "INVALID_REQUEST",
    `Cannot tell which model "${name}" is: pools report it with different contents; use one of ${
      candidates.map(({ model_ref }) => model_ref).join(", ")
    }`,
    {
      details: {
        candidates: candidates.map(({ model_ref, fingerprint }) => ({ model_ref, fingerprint })),
      },
    },
  );
}

/** What a person does to have a model on a host. */
function wayToGet(name: string): string {
  return name.startsWith("file:")
    ? "put the file into a models folder of a host"
    : `run "llorch models download ${name}" on a host`;
}
