import type { Closeable } from "../lifecycle.ts";
import type { Logger } from "../logging.ts";
import type { Env } from "../paths.ts";
import { type NotifySocket, openNotifySocket } from "./notify.ts";
import { watchdogIntervalMs } from "./watchdog.ts";

/** How often the status line is brought up to date where no watchdog sets the pace, in milliseconds. */
const STATUS_MS = 5_000;

/** What systemd is told of. */
export interface ServiceOptions {
  /** Answers when the daemon works: a request over its own socket. Rejects when it does not. */
  readonly probe: (signal: AbortSignal) => Promise<void>;
  /** One line for `systemctl status`. */
  readonly status: () => string;
  readonly env: Env;
  readonly log: Logger;
}

/** This daemon as systemd's service. */
export interface Service extends Closeable {
  /** Tells that a reload runs, and when it has ended. */
  reload(work: () => Promise<void>): Promise<void>;
  /** Tells that the stop has begun; the watchdog is fed on until {@linkcode close}. */
  stopping(): Promise<void>;
}

/**
 * Tells systemd that the daemon is up, and from then on how it does: `STATUS` as it changes, and
 * `WATCHDOG` after each probe that was answered in time. A daemon whose own socket no longer answers
 * is silent, and systemd starts it anew. Does nothing where systemd did not start us.
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const socket = openNotifySocket(options.env);
  if (socket === undefined) return NOBODY_LISTENS;
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

const NOBODY_LISTENS: Service = {
  reload: (work) => work(),
  stopping: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
