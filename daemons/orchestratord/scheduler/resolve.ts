import type { PoolModel, Sense } from "#shared/contracts/mod.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { isReference } from "#shared/models/reference.ts";
import { shortNameOf } from "#shared/models/short_name.ts";
import { lenientName } from "./lenient_name.ts";
import { type Choice, type Meaning, meaningOf, type Names } from "./names.ts";
import type { Pool, State } from "./state.ts";

/** Names listed in an error, at most. */
const SHOWN_NAMES = 8;

/** A model that a name means. */
export interface ResolvedModel {
  /** The name by which it is known, where a client may have used a similar one. */
  readonly name: string;
  readonly fingerprint: string;
  readonly model: PoolModel;
}

/** Whether every pool that has a model serves it with an engine that takes images, or sound. */
export function hasSense(pools: Iterable<Pool>, fingerprint: string, sense: Sense): boolean {
  const models = [...pools].flatMap((pool) =>
    pool.models.filter((model) => model.fingerprint === fingerprint)
  );
  return models.length > 0 && models.every((model) => model[sense] === true);
}

/** Every name by which a pool's model can be asked for. */
export function namesOf(model: PoolModel): string[] {
  return [...new Set([model.model_ref, ...model.aliases])];
}

/**
 * The models of all known pools by name, then by fingerprint. A name with more than one fingerprint is
 * ambiguous.
 */
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

/** What a client means by a name; similar spellings of configured names and models' own ones count. */
export function meaningIn(
  index: ReturnType<typeof nameIndex>,
  names: Names,
  given: string,
): Meaning {
  const has = (name: string) => names.has(name) || index.has(name);
  const known = has(given)
    ? given
    : lenientName(given, has, () => new Set([...names.keys(), ...index.keys()]));
  return meaningOf(names, known ?? given);
}

/**
 * The model of one of a name's choices.
 *
 * @param seesTarget Whether the caller may see what a configured name stands for.
 * @throws {LlorchError} as {@linkcode resolveModel}; for a configured name `MODEL_NOT_FOUND` or
 * `POOL_UNAVAILABLE`
 */
export function resolveChoice(
  index: ReturnType<typeof nameIndex>,
  { name, isConfigured, showTarget }: Meaning,
  { model }: Choice,
  state: Pick<Readonly<State>, "pools" | "missing">,
  seesTarget: boolean,
): ResolvedModel {
  if (!isConfigured) return resolveModel(index, model, state);
  if (state.pools.size === 0) throw noPool(name);
  try {
    return { ...resolveModel(index, model, state), name };
  } catch (error) {
    if (!(error instanceof LlorchError)) throw error;
    if (!seesTarget && !showTarget) {
      const message = `Cannot run "${name}": no pool has the model that this name stands for`;
      throw new LlorchError("MODEL_NOT_FOUND", message, { cause: error });
    }
    const message = `Cannot run "${name}", which stands for "${model}": ${error.message}`;
    throw new LlorchError("MODEL_NOT_FOUND", message, {
      cause: error,
      details: { ...error.details, name, target: model },
    });
  }
}

/** A configured name that may not do what the operator expects. */
export interface NameWarning {
  readonly name: string;
  readonly kind: "name_shadows_model" | "name_without_model";
  readonly model: string;
  readonly message: string;
}

/** Configured names that hide a model of the same name, or that stand for a model that no pool has. */
export function nameWarnings(
  index: ReturnType<typeof nameIndex>,
  names: Names,
  state: Pick<Readonly<State>, "pools" | "missing">,
): NameWarning[] {
  return [...names.keys()].flatMap((name): NameWarning[] => {
    const shadows: NameWarning[] = index.has(name)
      ? [{
        name,
        kind: "name_shadows_model",
        model: name,
        message:
          "A model on a pool has the same name: requests get what the configured name stands for",
      }]
      : [];
    const meaning = meaningOf(names, name);
    const missing = meaning.choices.flatMap((choice): NameWarning[] => {
      try {
        resolveChoice(index, meaning, choice, state, true);
        return [];
      } catch (error) {
        const { model } = choice;
        return [{ name, kind: "name_without_model", model, message: errorMessage(error) }];
      }
    });
    return [...shadows, ...missing];
  });
}

function noPool(name: string): LlorchError {
  return new LlorchError(
    "POOL_UNAVAILABLE",
    `Cannot run "${name}": no pool has registered yet; start pool-managerd on a host`,
    { retryAfterMs: 5000 },
  );
}

/**
 * The one model that a name means.
 *
 * @throws {LlorchError} `POOL_UNAVAILABLE` when no pool is known, `MODEL_NOT_FOUND` with advice how to
 * get the model, `INVALID_REQUEST` with the candidates of an ambiguous name.
 */
export function resolveModel(
  index: ReturnType<typeof nameIndex>,
  name: string,
  { pools, missing }: Pick<Readonly<State>, "pools" | "missing">,
): ResolvedModel {
  const known = index.has(name)
    ? name
    : lenientName(name, (each) => index.has(each), () => index.keys());
  const found = known === undefined ? undefined : index.get(known);
  if (known === undefined || found === undefined) {
    if (pools.size === 0) throw noPool(name);
    const unusable = unusableFile(pools.values(), name);
    if (unusable !== undefined) throw new LlorchError("MODEL_NOT_FOUND", unusable);
    const missed = whyMissing(missing, name);
    const advice = missed === undefined ? wayToGet(name, index) : `${missed}; bring it back`;
    const names = [...index.keys()].filter((each) => !each.includes("/")).sort();
    const shown = names.slice(0, SHOWN_NAMES).join(", ") || "none";
    throw new LlorchError(
      "MODEL_NOT_FOUND",
      `Cannot find model "${name}" on any pool: ${advice}, or use an available one (${shown})`,
      { details: { available: names.slice(0, 100) } },
    );
  }
  const candidates = [...found.values()];
  const [model] = candidates;
  if (model && candidates.length === 1) {
    return { name: known, fingerprint: model.fingerprint, model };
  }
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

/** Why the file of that name cannot be used, where a pool has such a file. */
function unusableFile(pools: Iterable<Pool>, name: string): string | undefined {
  for (const { id, unusable } of pools) {
    const file = unusable.find((each) =>
      each.name === name || `file:${each.path}` === name || shortNameOf(each.name, "") === name
    );
    if (!file) continue;
    return `Cannot find model "${name}": pool ${id} has a file of that name that cannot be used: ` +
      file.reason;
  }
  return undefined;
}

/** Why the latest model of that name is missing; undefined where none is. */
function whyMissing(missing: State["missing"], name: string): string | undefined {
  return [...missing.values()].findLast(({ names }) => names.includes(name))?.reason;
}

/** Advice how to get a model onto a host. */
function wayToGet(name: string, index: ReturnType<typeof nameIndex>): string {
  if (name.startsWith("file:")) return "put the file into a models folder of a host";
  const download = `run "llorch models download ${name}" on a host`;
  if (isReference(name)) {
    if (name.startsWith("hf:")) return download;
    return `${download} if "llorch models catalog" lists it, or put its file into a models folder`;
  }
  const short = aliasOfFile(name, index);
  return short !== undefined
    ? `names have only letters, digits and ._:/@+-, and the model of that file is called "${short}"`
    : "names have only letters, digits and ._:/@+-, and GET /v2/models lists them";
}

/** The alias of the model whose file has this name; undefined where there is no such file. */
function aliasOfFile(name: string, index: ReturnType<typeof nameIndex>): string | undefined {
  const stem = stemOf(name);
  for (const [reference, byFingerprint] of index) {
    if (!reference.startsWith("file:") || stemOf(reference.split("/").at(-1)!) !== stem) continue;
    const [model] = byFingerprint.values();
    return model?.aliases.find((alias) => !alias.startsWith("file:"));
  }
  return undefined;
}

function stemOf(file: string): string {
  return file.replace(/\.gguf$/i, "");
}
