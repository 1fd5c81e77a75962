import { isRecord } from "../json.ts";

type Tree = Record<string, unknown>;

/** Result of {@linkcode planReload}. */
export interface Reload<T> {
  /** The new configuration, with the old values of keys that cannot change. */
  readonly config: T;
  /** Changed keys with dots, e.g. `queue.capacity`. */
  readonly changed: readonly string[];
  /** Changed keys that need a restart: they keep their old values. */
  readonly kept: readonly string[];
}

/**
 * Compares a new configuration with the current one.
 *
 * @param fixed Keys and sections that only a restart can change, e.g. `port`, `tls`.
 */
export function planReload<T extends object>(
  current: T,
  next: T,
  fixed: readonly string[],
): Reload<T> {
  const isFixed = (key: string) => fixed.some((each) => key === each || key.startsWith(`${each}.`));
  const all = changedKeys(current as Tree, next as Tree);
  const config = structuredClone(next) as Tree;
  for (const key of fixed) setPath(config, key.split("."), getPath(current, key.split(".")));
  return {
    config: config as T,
    changed: all.filter((key) => !isFixed(key)),
    kept: all.filter(isFixed),
  };
}

function changedKeys(before: Tree, after: Tree, above = ""): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => {
    const [a, b] = [before[name], after[name]];
    if (isRecord(a) && isRecord(b)) return changedKeys(a, b, `${above}${name}.`);
    return JSON.stringify(a) === JSON.stringify(b) ? [] : [`${above}${name}`];
  }).sort();
}

function getPath(tree: unknown, [name, ...rest]: readonly string[]): unknown {
  if (name === undefined) return tree;
  return isRecord(tree) ? getPath(tree[name], rest) : undefined;
}

function setPath(tree: Tree, [name, ...rest]: readonly string[], value: unknown): void {
  if (name === undefined) return;
  const below = tree[name];
  if (rest.length > 0 && isRecord(below)) setPath(below, rest, value);
  else if (value === undefined) delete tree[name];
  else tree[name] = value;
}
