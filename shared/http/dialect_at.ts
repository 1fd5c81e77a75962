import type { Dialect } from "../contracts/dialect.ts";
import type { Route } from "../contracts/route.ts";

/** Matches the paths of a route; a parameter at the end of the path also matches slashes. */
export function pathPattern(path: string): RegExp {
  const source = path.split(/\{\w+\}/).map((part) => part.replace(/[.]/g, "\\$&")).join("[^/]+");
  return new RegExp(`^${path.endsWith("}") ? source.replace(/\[\^\/\]\+$/, "[^]+") : source}$`);
}

/**
 * The dialect for a path without a route: that of the first route with the most leading segments in
 * common. Undefined is llorch's own dialect.
 */
export function dialectAt(routes: readonly Route[], path: string): Dialect | undefined {
  return routesNear(routes, path)[0]?.dialect;
}

/** The routes that have the most leading segments in common with a path, and at least one. */
export function routesNear(routes: readonly Route[], path: string): Route[] {
  let nearest: Route[] = [];
  let longest = 1;
  for (const route of routes) {
    const length = commonSegments(route.path, path);
    if (length < longest) continue;
    if (length > longest) nearest = [];
    longest = length;
    nearest.push(route);
  }
  return nearest;
}

function commonSegments(one: string, other: string): number {
  const [ours, theirs] = [one, other].map((path) => path.split("/").slice(1)) as [
    string[],
    string[],
  ];
  const differs = ours.findIndex((segment, at) => segment !== theirs[at]);
  return differs === -1 ? ours.length : differs;
}
