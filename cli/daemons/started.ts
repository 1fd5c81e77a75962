import type { Env } from "#shared/paths.ts";
import { findListening, type Listening, listLogs, readHead } from "./daemon_log.ts";
import type { DaemonKind } from "./kind.ts";
import { isRunning } from "./process.ts";

/** A daemon that `llorch … start` has started and that runs. */
export interface StartedDaemon extends Listening {
  readonly log: string;
}

/**
 * The daemons that `llorch … start` has started and that run. There is no record of them: a
 * daemon's log has its pid, and the process with that pid must still be this executable.
 */
export async function startedDaemons(kind: DaemonKind, env: Env): Promise<StartedDaemon[]> {
  const found = await Promise.all((await listLogs(kind, env)).map(async (log) => {
    const listening = findListening(await readHead(log));
    if (listening === undefined) return [];
    return await isRunning(listening.pid, kind.executable) ? [{ ...listening, log }] : [];
  }));
  // A pid that was reused is in two logs: the newest is right.
  return [...new Map(found.flat().map((daemon) => [daemon.pid, daemon])).values()];
}
