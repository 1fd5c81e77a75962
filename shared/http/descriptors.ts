/**
 * How many connections the system's limit of open files allows. The limit itself stands where a
 * program with few permissions may not look (docs/adr/0005-permissions.md), so it is tried out.
 *
 * @module
 */

/** Kept for the database, the log, calls to pools, downloads and what the runtime opens. */
const RESERVE = 64;

/** A connection, and what its request may open: a stream of a worker, or a file. */
const PER_CONNECTION = 2;

/** Descriptors that must be free for so many connections. */
export function descriptorsNeeded(connections: number): number {
  return connections * PER_CONNECTION + RESERVE;
}

/** Connections that so many free descriptors allow, at most `max` and at least one. */
export function connectionBound(max: number, free: number): number {
  // Where there are very few, a quarter is kept.
  const reserve = Math.min(RESERVE, Math.ceil(free / 4));
  return Math.max(1, Math.min(max, Math.floor((free - reserve) / PER_CONNECTION)));
}

/** No probe opens more: 30 000 connections and their streams. */
const MAX_PROBED = 65_536;

/**
 * Free descriptors, counted up to `atMost`: so many are opened and closed again. Synchronous, so that
 * nothing else of this program misses one meanwhile.
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
    // Anything else says nothing about the limit.
    return isTooMany(error) ? opened.length : atMost;
  } finally {
    for (const file of opened) file[Symbol.dispose]();
  }
}

function isTooMany(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return code === "EMFILE" || code === "ENFILE";
}
