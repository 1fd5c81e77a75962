import type { Env } from "../paths.ts";

/**
 * Time between two watchdog messages, in milliseconds: half of `WATCHDOG_USEC`, as
 * sd_watchdog_enabled(3) says. Undefined if systemd does not watch this process.
 */
export function watchdogIntervalMs(env: Env, pid: number = Deno.pid): number | undefined {
  const usec = Number(env("WATCHDOG_USEC"));
  const watched = env("WATCHDOG_PID");
  if (!Number.isFinite(usec) || usec <= 0) return undefined;
  if (watched !== undefined && watched !== String(pid)) return undefined;
  return usec / 2000;
}
