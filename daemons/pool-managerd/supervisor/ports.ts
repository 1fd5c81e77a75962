import { LlorchError } from "#shared/errors.ts";

/** Number of ports from the base that are tried. */
const MAX_TRIES = 1000;

/**
 * The first free port from `base` upward; 0 if the base is 0, which lets the worker take any.
 *
 * @param isTaken Whether a port is reserved for a worker that may not listen yet.
 * @throws {LlorchError} `WORKER_START_FAILED` if none is free
 */
export function choosePort(
  host: string,
  base: number,
  isTaken: (port: number) => boolean,
  isFree: (host: string, port: number) => boolean = canListen,
): number {
  if (base === 0) return 0;
  const end = Math.min(base + MAX_TRIES, 65_536);
  for (let port = base; port < end; port++) {
    if (!isTaken(port) && isFree(host, port)) return port;
  }
  throw new LlorchError(
    "WORKER_START_FAILED",
    `Cannot find a free port for a worker between ${base} and ${end - 1} on ${host}`,
  );
}

function canListen(hostname: string, port: number): boolean {
  try {
    Deno.listen({ hostname, port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    if (error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}
