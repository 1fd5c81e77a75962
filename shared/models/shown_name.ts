/** The fields that a model's name is chosen from. */
export interface NamedModel {
  readonly model_ref: string;
  readonly aliases: readonly string[];
}

/**
 * The one name by which a model is shown and requested: the shortest that is no path. If it has none of its
 * own, its reference, then any other name; its reference if another model claims all of them.
 *
 * @param isOwn Whether a name stands for this model alone.
 */
export function shownName(
  { model_ref, aliases }: NamedModel,
  isOwn: (name: string) => boolean = () => true,
): string {
  const byLength = aliases.toSorted((one, other) =>
    one.length - other.length || (one < other ? -1 : 1)
  );
  const words = byLength.filter((name) => !isPath(name));
  return [...words, model_ref, ...byLength].find(isOwn) ?? model_ref;
}

/** Whether a name is the path of a file. */
const isPath = (name: string) => name.startsWith("file:");
