import type { WorkerReady } from "#shared/contracts/pool.ts";
import { LlorchError } from "#shared/errors.ts";
import { secretsEqual } from "#shared/http/auth.ts";
import { urlHost } from "#shared/http/url_host.ts";
import { localHost } from "../address.ts";
import type { WorkerRecord } from "./record.ts";

/**
 * Checks a ready callback against the worker that was started.
 *
 * 1. The spawn token proves the caller.
 * 2. The token works once: afterwards only a repeat of the same callback is accepted.
 * 3. A worker that is being stopped does not become ready.
 * 4. Model and address must be those that we chose.
 *
 * @returns `new`, or `repeat` for a callback that was accepted before
 * @throws {LlorchError} `FORBIDDEN` or `CONFLICT`
 */
export function checkReady(
  record: WorkerRecord,
  callback: WorkerReady,
  host: string,
): "new" | "repeat" {
  const { worker_id } = record;
  // 1
  if (!secretsEqual(callback.spawn_token, record.spawn_token)) {
    throw new LlorchError("FORBIDDEN", `The spawn token is not that of worker "${worker_id}"`);
  }
  // 2
  if (record.callback !== null) {
    if (record.callback === callbackKey(callback)) return "repeat";
    throw new LlorchError("FORBIDDEN", `The spawn token of worker "${worker_id}" was used before`);
  }
  // 3
  if (record.life.state !== "starting" && record.life.state !== "loading") {
    throw new LlorchError("CONFLICT", `Worker "${worker_id}" is ${record.life.state}`);
  }
  // 4
  for (const field of ["model_ref", "fingerprint"] as const) {
    if (callback[field] === record[field]) continue;
    throw new LlorchError(
      "CONFLICT",
      `Worker "${worker_id}" was to load ${field} "${record[field]}", not "${callback[field]}"`,
    );
  }
  if (!isOurAddress(callback.uri, host, record.port)) {
    throw new LlorchError(
      "CONFLICT",
      `Worker "${worker_id}" was started on ${host}:${record.port}, not at ${callback.uri}`,
    );
  }
  return "new";
}

/** The fields by which repeats are recognised. */
export function callbackKey(callback: WorkerReady): string {
  const { spawn_token: _, ...rest } = callback;
  return JSON.stringify(Object.entries(rest).sort(([a], [b]) => a < b ? -1 : 1));
}

function isOurAddress(uri: string, host: string, port: number): boolean {
  const url = new URL(uri);
  const hosts = [host, localHost(host)].map(urlHost);
  return url.protocol === "http:" && hosts.includes(url.hostname) && url.pathname === "/" &&
    url.username === "" && (port === 0 || url.port === String(port));
}
