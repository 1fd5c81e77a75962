/** The one name of each model, for all pages. */
import { createContext } from "preact";
import { useCallback, useContext } from "preact/hooks";
import { baseName } from "./names.ts";

/** Shown names by every name of a model; see {@linkcode shownNames}. */
export const NamesContext = createContext<ReadonlyMap<string, string>>(new Map());

/** Returns the shown name for any name of a model. */
export function useModelName(): (name: string) => string {
  const names = useContext(NamesContext);
  return useCallback((name) => names.get(name) ?? baseName(name), [names]);
}
