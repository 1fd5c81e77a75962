import { placeOf } from "#shared/contracts/place.ts";
import {
  type Device,
  type DeviceKind,
  deviceKind,
  type PoolModel,
} from "#shared/contracts/pool.ts";
import { LlorchError } from "#shared/errors.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { closest } from "#shared/text.ts";

/**
 * The kind of device that was typed.
 *
 * @throws {UsageError} when there is no such kind.
 */
export function kindOf(typed: string): DeviceKind {
  const parsed = deviceKind.safeParse(typed);
  if (parsed.success) return parsed.data;
  const near = closest(typed, deviceKind.options);
  const hint = near === undefined ? `one of ${deviceKind.options.join(", ")}` : `${near}?`;
  throw new UsageError(`Unknown device kind "${typed}": did you mean ${hint}`);
}

/**
 * The place that a kind and numbers mean. Without numbers: the only device of its kind, otherwise
 * the one with the most free memory; undefined for a model that no device of the kind holds, but several
 * may: the pool manager chooses which.
 *
 * @throws {LlorchError} `NOT_FOUND` that names the devices there are.
 */
export function choosePlace(
  devices: readonly Device[],
  kind: DeviceKind,
  numbers: readonly number[] | undefined,
  { default_load: load }: Pick<PoolModel, "default_load">,
): string | undefined {
  const candidates = devices.filter((device) => device.kind === kind);
  const wanted = numbers?.map((number) => `${kind}${number}`);
  const missing = wanted?.find((id) => !candidates.some((device) => device.id === id));
  if (wanted !== undefined && missing === undefined) {
    return placeOf(candidates.map(({ id }) => id).filter((id) => wanted.includes(id)));
  }
  const [best] = candidates.toSorted((a, b) => b.free_bytes - a.free_bytes);
  if (best === undefined || missing !== undefined) {
    const asked = missing === undefined ? `a ${kind} device` : `the device ${missing}`;
    const known = devices.map(({ id }) => id).join(", ");
    throw new LlorchError("NOT_FOUND", `Cannot find ${asked}: there are ${known}`);
  }
  const needed = load?.device_bytes[kind] ?? 0;
  const isTooLarge = candidates.every(({ total_bytes }) => needed > total_bytes);
  return load?.split && isTooLarge && candidates.length > 1 ? undefined : best.id;
}

/** The names and the identity of a model. */
type NamedModel = Pick<PoolModel, "model_ref" | "aliases" | "fingerprint">;

/**
 * The model that a name means; undefined when none does.
 *
 * @throws {LlorchError} `CONFLICT` when the name means several.
 */
export function chooseModel<M extends NamedModel>(
  models: readonly M[],
  name: string,
): M | undefined {
  const named = models.filter(({ model_ref, aliases }) =>
    model_ref === name || aliases.includes(name)
  );
  const [first] = named;
  if (first !== undefined && named.every((each) => each.fingerprint === first.fingerprint)) {
    return first;
  }
  if (first !== undefined) {
    const refs = named.map(({ model_ref }) => model_ref).join(" or ");
    throw new LlorchError("CONFLICT", `"${name}" means several models: ask for ${refs}`);
  }
  return undefined;
}

/**
 * The error for a name that no model has, with similar names and what to do.
 *
 * @param advice `llorch models download NAME fetches it`
 */
export function modelMissing(
  models: readonly NamedModel[],
  name: string,
  advice: string,
): LlorchError {
  const names = [...new Set(models.map(shortName))].sort();
  const near = closest(name, names);
  const found = near !== undefined
    ? `did you mean ${near}?`
    : names.length === 0
    ? "there is none"
    : `there are ${names.join(", ")}`;
  return new LlorchError("MODEL_NOT_FOUND", `Cannot find the model "${name}": ${found}; ${advice}`);
}

/** The name by which people ask for a model. */
export function shortName({ model_ref, aliases }: NamedModel): string {
  return aliases.find((alias) => !/[/:]/.test(alias)) ?? model_ref;
}
