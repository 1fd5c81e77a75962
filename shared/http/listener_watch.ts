import { connect } from "node:net";
import { delay } from "../lifecycle.ts";
import { reachable } from "./reachable.ts";

/** Pause between two looks whether our own test connection was accepted, in milliseconds. */
const LOOK_MS = 20;

/**
 * It must be accepted by this look. Looks are counted, not time: where the process stands still, or gets little
 * of the processor, nothing is accepted meanwhile, and the listener is not to blame.
 */
const LOOKS = 100;

/** The listener that {@linkcode watchListener} checks. */
export interface WatchedListener {
  /** The address that it is bound to. */
  readonly address: string;
  readonly port: number;
  readonly everyMs: number;
  /** Connections accepted since the start. */
  accepted(): number;
  /** Called before and after each test connection. */
  probing(isProbing: boolean): void;
  /** Closes the listener and opens it again. */
  reopen(): Promise<void>;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Reopens a listener that no longer accepts connections: Deno silently ends its accept loop when
 * there is no descriptor left for a connection. If no client has connected since the last check, it
 * connects to itself; the listener is reopened if two such connections in a row are not accepted.
 * One is not enough, since a process that was suspended needs a moment.
 */
export function watchListener(listener: WatchedListener): { close(): Promise<void> } {
  let before = listener.accepted();
  let checking: Promise<void> | undefined;
  const check = async () => {
    try {
      if (listener.accepted() === before && !await accepts(listener) && !await accepts(listener)) {
        await listener.reopen();
      }
    } catch (error) {
      listener.onFailure(error);
    }
    before = listener.accepted();
  };
  const timer = setInterval(() => {
    checking ??= check().finally(() => checking = undefined);
  }, listener.everyMs);
  // The timer must not keep the process running.
  Deno.unrefTimer(timer);
  return {
    async close() {
      clearInterval(timer);
      await checking;
    },
  };
}

/** Whether a test connection is accepted; also true if there is no descriptor to make one. */
async function accepts(listener: WatchedListener): Promise<boolean> {
  const before = listener.accepted();
  listener.probing(true);
  const socket = connect(listener.port, reachable(listener.address));
  try {
    // A refused connection counts as one that is not accepted.
    const failed = new Promise<unknown>((resolve) => socket.once("error", resolve));
    for (let look = 0; look < LOOKS && listener.accepted() === before; look++) {
      const error = await Promise.race([failed, delay(LOOK_MS)]) as { code?: string } | undefined;
      if (error) return error.code === "EMFILE" || error.code === "ENFILE";
    }
    return listener.accepted() > before;
  } finally {
    socket.destroy();
    listener.probing(false);
  }
}
