import { readLogEnd } from "./log_end.ts";

/**
 * Whether a worker's last log lines say that another program took its port, after we had found it
 * free and before the worker listened.
 *
 * @param lines Oldest first.
 */
export function portWasTaken(lines: readonly string[]): boolean {
  return /port is in use|address already in use|EADDRINUSE/i.test(readLogEnd(lines).reason ?? "");
}
