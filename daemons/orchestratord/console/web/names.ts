/** Names of models for people. */
import type { ModelView } from "#shared/contracts/mod.ts";
import { shortModel } from "./format.ts";

/** The fields that a model's name is chosen from. */
export type Named = Pick<ModelView, "aliases" | "ambiguous_aliases" | "model_ref" | "pools">;

/**
 * The name to request a model by: its shortest name; if that is ambiguous, its reference; if that is
 * ambiguous, too, any name that is not. The reference if all are ambiguous.
 */
export function nameOf({ aliases, ambiguous_aliases, model_ref }: Named): string {
  const [shortest = model_ref, ...others] = aliases.toSorted((a, b) => a.length - b.length);
  const isOwn = (name: string) => !ambiguous_aliases.includes(name);
  return [shortest, model_ref, ...others].find(isOwn) ?? model_ref;
}

/** Short names of models by reference; references whose short names are equal stay as they are. */
export function shortNames(refs: readonly string[]): ReadonlyMap<string, string> {
  const own = [...new Set(refs)];
  return new Map(own.map((ref) => {
    const isAlone = own.every((other) => other === ref || shortModel(other) !== shortModel(ref));
    return [ref, isAlone ? shortModel(ref) : ref];
  }));
}

/** Whether a model has a name that is not ambiguous. */
export function isAskable(model: Named): boolean {
  return !model.ambiguous_aliases.includes(nameOf(model));
}

/** The name to show; an ambiguous one with the model's pools. */
export function labelOf(model: Named): string {
  return isAskable(model) ? nameOf(model) : `${nameOf(model)} on ${model.pools.join(", ")}`;
}
