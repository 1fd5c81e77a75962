/**
 * How many connections the system's limit of open files allows. Reading the limit needs a
 * permission that the daemons do not have (docs/adr/0005-permissions.md), so it is found by opening
 * files.
 *
 * @module
 */

/** Reserved for the database, the log, calls to pools, downloads and the runtime. */
const RESERVE = 64;

/** One for the connection, one for what its request may open: a worker's stream, or a file. */
const PER_CONNECTION = 2;

/** Descriptors that must be free for this many connections. */
export function descriptorsNeeded(connections: number): number {
  return connections * PER_CONNECTION + RESERVE;
}

/** Connections that `free` descriptors allow, at least one and at most `max`. */
export function connectionBound(max: number, free: number): number {
  // If there are very few, only a quarter of them is reserved.
  const reserve = Math.min(RESERVE, Math.ceil(free / 4));
  return Math.max(1, Math.min(max, Math.floor((free - reserve) / PER_CONNECTION)));
}

/** Most files that a probe opens: enough for 30 000 connections and their streams. */
const MAX_PROBED = 65_536;

/**
 * Counts free descriptors, up to `atMost`, by opening that many files and closing them again. It is
 * synchronous, so that no other part of this program lacks a descriptor meanwhile.
 */
export function freeDescriptors(
  atMost: number,
  open: () => Disposable = () => Deno.openSync("/dev/null"),
): number {
  // Windows has no such limit.
  if (Deno.build.os === "windows") return atMost;
  const wanted = Math.min(atMost, MAX_PROBED);
  const opened: Disposable[] = [];
  try {
    while (opened.length < wanted) opened.push(open());
    return atMost;
  } catch (error) {
    // No other error says anything about the limit.
    return isTooMany(error) ? opened.length : atMost;
  } finally {
    for (const file of opened) file[Symbol.dispose]();
  }
}

function isTooMany(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === "EMFILE" || code === "ENFILE";
}
