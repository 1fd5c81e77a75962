import type { Dialect } from "../contracts/dialect.ts";
import type { Route } from "../contracts/route.ts";

/** What a route's path matches; a name that ends the path takes slashes, too. */
export function pathPattern(path: string): RegExp {
  const source = path.split(/\{\w+\}/).map((part) => part.replace(/[.]/g, "\\$&")).join("[^/]+");
  return new RegExp(`^${path.endsWith("}") ? source.replace(/\[\^\/\]\+$/, "[^]+") : source}$`);
}

/**
 * The dialect of a path that no route answers: that of the route whose path begins most like it, in whole
 * segments; of several, the first. Undefined is llorch's own.
 */
export function dialectAt(routes: readonly Route[], path: string): Dialect | undefined {
  let nearest: Route | undefined;
  let longest = 0;
  for (const route of routes) {
    const length = commonSegments(route.path, path);
    if (length <= longest) continue;
    longest = length;
    nearest = route;
  }
  return nearest?.dialect;
}

function commonSegments(one: string, other: string): number {
  const [ours, theirs] = [one, other].map((path) => path.split("/").slice(1)) as [
    string[],
    string[],
  ];
  const differs = ours.findIndex((segment, at) => segment !== theirs[at]);
  return differs === -1 ? ours.length : differs;
}
