import { lastWords } from "./last_words.ts";

/**
 * Whether a worker's last words say that another program took its port: between our look at the port
 * and the worker's own.
 *
 * @param lines Oldest first.
 */
export function portWasTaken(lines: readonly string[]): boolean {
  return /port is in use|address already in use|EADDRINUSE/i.test(lastWords(lines).reason ?? "");
}
