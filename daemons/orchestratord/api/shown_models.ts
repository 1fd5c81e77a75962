import type { ModelView } from "#shared/contracts/mod.ts";
import type { Caller } from "#shared/http/app.ts";
import type { State } from "../scheduler/state.ts";
import { modelViews } from "../scheduler/views.ts";
import { isFile, seesPaths } from "./hide_paths.ts";

/** A model under the one name by which lists of other vendors show it. */
export interface ShownModel {
  readonly name: string;
  readonly view: ModelView;
}

/** Every model once, by name. One that only a path names is shown to who may see paths. */
export function shownModels(state: Readonly<State>, caller: Caller | undefined): ShownModel[] {
  return modelViews(state).flatMap((view) => {
    const name = nameOf(view) ?? (seesPaths(caller) ? view.model_ref : undefined);
    return name === undefined ? [] : [{ name, view }];
  }).sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** Its first name that is no path and names no other model. */
function nameOf({ aliases, ambiguous_aliases }: ModelView): string | undefined {
  return aliases.find((name) => !isFile(name) && !ambiguous_aliases.includes(name));
}
