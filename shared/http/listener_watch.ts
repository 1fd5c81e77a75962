import { connect } from "node:net";
import { delay } from "../lifecycle.ts";

/** A connection to ourselves must be accepted within this time, in milliseconds. */
const ACCEPT_MS = 2_000;

/** A listener, as its check sees it. */
export interface WatchedListener {
  /** The address that it is bound to. */
  readonly address: string;
  readonly port: number;
  readonly everyMs: number;
  /** How many connections were ever accepted. */
  accepted(): number;
  /** Called before and after each connection to ourselves. */
  probing(isProbing: boolean): void;
  /** Closes the listener and opens it again. */
  reopen(): Promise<void>;
  readonly onFailure: (error: unknown) => void;
}

/**
 * Opens a listener again that accepts nothing any more: Deno's ends its loop in silence when there is
 * no descriptor left for a connection. While clients come nothing is done; else a connection to
 * ourselves must be accepted, twice in a row, since a process that slept needs a moment.
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
  // Nobody's stop waits for it.
  Deno.unrefTimer(timer);
  return {
    async close() {
      clearInterval(timer);
      await checking;
    },
  };
}

/** Whether a connection arrives; also true where none can be made for want of a descriptor. */
async function accepts(listener: WatchedListener): Promise<boolean> {
  const before = listener.accepted();
  listener.probing(true);
  const socket = connect(listener.port, reachable(listener.address));
  try {
    // A refused connection says the same as one that nobody accepts.
    const failed = new Promise<unknown>((resolve) => socket.once("error", resolve));
    const deadline = performance.now() + ACCEPT_MS;
    while (listener.accepted() === before) {
      if (performance.now() > deadline) return false;
      const error = await Promise.race([failed, delay(20)]) as { code?: string } | undefined;
      if (error) return error.code === "EMFILE" || error.code === "ENFILE";
    }
    return true;
  } finally {
    socket.destroy();
    listener.probing(false);
  }
}

/** How to reach on this machine what is bound to an address. */
function reachable(address: string): string {
  if (address === "0.0.0.0") return "127.0.0.1";
  return address === "::" ? "::1" : address;
}
