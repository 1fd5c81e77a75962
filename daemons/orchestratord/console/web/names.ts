/** Models as people ask for them. */
import type { ModelView } from "#shared/contracts/mod.ts";
import { shortModel } from "./format.ts";

/** What there is to name a model by. */
export type Named = Pick<ModelView, "aliases" | "ambiguous_aliases" | "model_ref" | "pools">;

/**
 * The name to ask for a model by: its shortest, or its reference where other contents have that name,
 * too. Where even the reference is ambiguous, whichever name is not; the reference if none is.
 */
export function nameOf({ aliases, ambiguous_aliases, model_ref }: Named): string {
  const [shortest = model_ref, ...others] = aliases.toSorted((a, b) => a.length - b.length);
  const isOwn = (name: string) => !ambiguous_aliases.includes(name);
  return [shortest, model_ref, ...others].find(isOwn) ?? model_ref;
}

/** Models where there is little room: short names, but references where those are the same. */
export function shortNames(refs: readonly string[]): ReadonlyMap<string, string> {
  const own = [...new Set(refs)];
  return new Map(own.map((ref) => {
    const isAlone = own.every((other) => other === ref || shortModel(other) !== shortModel(ref));
    return [ref, isAlone ? shortModel(ref) : ref];
  }));
}

/** Whether a model has a name that is no other's. */
export function isAskable(model: Named): boolean {
  return !model.ambiguous_aliases.includes(nameOf(model));
}

/** The name to show: models that cannot be told apart by name are by where they are. */
export function labelOf(model: Named): string {
  return isAskable(model) ? nameOf(model) : `${nameOf(model)} on ${model.pools.join(", ")}`;
}
