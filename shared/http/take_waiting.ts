import { connect } from "node:net";
import { setImmediate } from "node:timers/promises";
import { deadline, LATE } from "../deadline.ts";
import { reachable } from "./reachable.ts";

/** The listener whose waiting connections {@linkcode takeWaiting} lets in. */
export interface WaitingListener {
  /** The address that it is bound to. */
  readonly address: string;
  readonly port: number;
  /** Connections accepted since the start. */
  accepted(): number;
  /** Whether a connection from an address and port is open. */
  has(from: string): boolean;
  /** Resolves when the next connection is accepted, before anything else can happen. */
  next(): Promise<void>;
  /** Called before and after each connection of our own. */
  probing(isProbing: boolean): void;
}

/**
 * Waits, before a listener is closed, until it has accepted the connections that the system holds for it: they would
 * be reset, and their clients cannot know whether a request was received. The system hands connections out in their
 * order, so all are taken once one of our own is, and nothing came after it.
 *
 * @param ms Gives up after this time, in milliseconds: the listener may be deaf, or clients connect all the time.
 */
export async function takeWaiting(listener: WaitingListener, ms: number): Promise<void> {
  const giveUpAt = performance.now() + ms;
  listener.probing(true);
  try {
    while (performance.now() < giveUpAt) {
      const before = listener.accepted();
      if (!await isOwnTaken(listener, giveUpAt)) return;
      // The system is asked for the next one once more.
      await setImmediate();
      if (listener.accepted() === before + 1) return;
    }
  } finally {
    listener.probing(false);
  }
}

/** Whether a connection of our own was accepted in time; false also if there is no descriptor to make one. */
async function isOwnTaken(listener: WaitingListener, giveUpAt: number): Promise<boolean> {
  const socket = connect(listener.port, reachable(listener.address));
  const isConnected = new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  });
  try {
    let step = isConnected;
    while (true) {
      const result = await deadline(step, giveUpAt - performance.now());
      if (result === LATE || !result) return false;
      if (listener.has(`${socket.localAddress} ${socket.localPort}`)) return true;
      step = listener.next().then(() => true);
    }
  } finally {
    socket.destroy();
  }
}
