/** Names of models for people. */
import type { ModelView } from "#shared/contracts/mod.ts";
import { shownName } from "#shared/models/shown_name.ts";

/** The fields that a model's name is chosen from. */
export type Named = Pick<ModelView, "aliases" | "ambiguous_aliases" | "model_ref" | "pools">;

/** The name by which a model is shown and requested. */
export function nameOf(model: Named): string {
  return shownName(model, (name) => !model.ambiguous_aliases.includes(name));
}

/** Whether a model has a name that is not ambiguous. */
export function isAskable(model: Named): boolean {
  return !model.ambiguous_aliases.includes(nameOf(model));
}

/** The name to show; an ambiguous one with the model's pools. */
export function labelOf(model: Named): string {
  return isAskable(model) ? nameOf(model) : `${nameOf(model)} on ${model.pools.join(", ")}`;
}

/**
 * The shown names of models by each of their other names. Names that are not in it are shown as they are:
 * configured names, those that several models have, and those of models that are gone.
 */
export function shownNames(models: readonly Named[]): ReadonlyMap<string, string> {
  return new Map(models.flatMap((model) =>
    [model.model_ref, ...model.aliases]
      .filter((name) => !model.ambiguous_aliases.includes(name))
      .map((name) => [name, nameOf(model)] as const)
  ));
}

/** A name without the folders of a path, for a model that is gone: `demo` of `file:/models/demo.gguf`. */
export function baseName(name: string): string {
  return /^(?:file|hf):/.test(name) ? /([^/=]+?)(\.gguf)?$/i.exec(name)?.[1] ?? name : name;
}
