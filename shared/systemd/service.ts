import type { Closeable } from "../lifecycle.ts";
import type { Logger } from "../logging.ts";
import type { Env } from "../paths.ts";
import { type NotifySocket, openNotifySocket } from "./notify.ts";
import { watchdogIntervalMs } from "./watchdog.ts";

/** Time between two updates of the status line if there is no watchdog, in milliseconds. */
const STATUS_MS = 5_000;

/** Options of {@linkcode startService}. */
export interface ServiceOptions {
  /** Resolves if the daemon works, otherwise rejects: a request over its own socket. */
  readonly probe: (signal: AbortSignal) => Promise<void>;
  /** One line for `systemctl status`. */
  readonly status: () => string;
  readonly env: Env;
  readonly log: Logger;
}

/** This daemon as a service of systemd. */
export interface Service extends Closeable {
  /** Runs a reload, and reports its beginning and end. */
  reload(work: () => Promise<void>): Promise<void>;
  /** Reports that the stop has begun. The watchdog is notified until {@linkcode close}. */
  stopping(): Promise<void>;
}

/**
 * Reports to systemd that the daemon is ready, and from then on its `STATUS` when it changes, and
 * `WATCHDOG` after each probe that succeeded in time. If the daemon's own socket no longer answers,
 * it sends nothing, and systemd restarts it. Does nothing if systemd did not start us.
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const socket = openNotifySocket(options.env);
  if (socket === undefined) return NO_SERVICE;
  const intervalMs = watchdogIntervalMs(options.env);
  let status = options.status();
  await socket.send({ READY: "1", STATUS: status });

  let isClosed = false;
  let timer: ReturnType<typeof setTimeout>;
  const beat = async () => {
    const next = options.status();
    const isAlive = intervalMs === undefined || await answers(options, intervalMs);
    if (isClosed) return;
    if (next !== status) await socket.send({ STATUS: status = next });
    if (intervalMs !== undefined && isAlive) await socket.send({ WATCHDOG: "1" });
    if (!isClosed) timer = setTimeout(beat, intervalMs ?? STATUS_MS);
  };
  timer = setTimeout(beat, intervalMs ?? STATUS_MS);

  return {
    reload: (work) => reload(socket, work),
    stopping: () => socket.send({ STOPPING: "1" }),
    close() {
      isClosed = true;
      clearTimeout(timer);
      socket.close();
      return Promise.resolve();
    },
  };
}

async function reload(socket: NotifySocket, work: () => Promise<void>): Promise<void> {
  await socket.send({ RELOADING: "1" });
  try {
    await work();
  } finally {
    await socket.send({ READY: "1" });
  }
}

async function answers({ probe, log }: ServiceOptions, timeoutMs: number): Promise<boolean> {
  try {
    await probe(AbortSignal.timeout(timeoutMs));
    return true;
  } catch (error) {
    log.error("watchdog_probe_failed", { error });
    return false;
  }
}

const NO_SERVICE: Service = {
  reload: (work) => work(),
  stopping: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
