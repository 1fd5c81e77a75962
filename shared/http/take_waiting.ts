import { connect } from "node:net";
import { setImmediate } from "node:timers/promises";
import { type Clock, systemClock } from "../clock.ts";
import { LATE } from "../deadline.ts";
import type { Looks } from "./looks.ts";
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

/** A client may connect while another one is taken: after this many tries some are left. */
const MOST_TRIES = 100;

/**
 * Waits, before a listener is closed, until it has accepted the connections that the system holds for it: they would
 * be reset, and their clients cannot know whether a request was received. The system hands connections out in their
 * order, so all are taken once one of our own is, and nothing came after it. Call close() as soon as it returns.
 *
 * @param looks Gives up when this is over: the listener may be deaf.
 */
export async function takeWaiting(listener: WaitingListener, looks: Looks): Promise<void> {
  listener.probing(true);
  try {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const before = listener.accepted();
      if (!await isOwnTaken(listener, looks)) return;
      if (await isQuiet(listener, before + 1)) return;
    }
  } finally {
    listener.probing(false);
  }
}

/** Turns of the event loop in which nothing may arrive before a listener is closed. */
const QUIET_TURNS = 3;

/** Whether no connection arrives in some turns of the event loop, of which the last one is short. */
async function isQuiet(listener: WaitingListener, accepted: number): Promise<boolean> {
  for (let turn = 0; turn < QUIET_TURNS; turn++) {
    // The system is asked for connections while the event loop waits for a timer; setImmediate() does not wait. The
    // first timer may be due at once, since the loop's clock stands still while code runs.
    for (let timer = 0; timer < 2; timer++) {
      await new Promise<void>((resolve) => setTimeout(resolve, 0));
    }
    if (listener.accepted() !== accepted) return false;
  }
  return true;
}

/** A listener is closed after this time without a new connection, in ms. */
const QUIET_MS = 60;

/** It is closed after this time in any case, in ms. */
const MOST_UNQUIET_MS = 500;

/**
 * Waits for {@linkcode QUIET_MS} without a new connection, for at most {@linkcode MOST_UNQUIET_MS}. The system resets
 * a connection that arrives while the listener is being closed, and no program can prevent it. The server delays its
 * replies meanwhile: clients that wait for a reply do not connect again.
 *
 * @param acceptedAt When the last connection was accepted, in ms of the clock's `steady()`.
 */
export async function untilQuiet(
  acceptedAt: () => number,
  clock: Clock = systemClock,
): Promise<void> {
  const giveUpAt = clock.steady() + MOST_UNQUIET_MS;
  while (true) {
    const leftMs = Math.min(acceptedAt() + QUIET_MS, giveUpAt) - clock.steady();
    if (leftMs <= 0) return;
    await new Promise<void>((resolve) => clock.after(leftMs, resolve));
    // Who has come meanwhile is seen first.
    await setImmediate();
  }
}

/** Whether a connection of our own was accepted in time; false also if there is no descriptor to make one. */
async function isOwnTaken(listener: WaitingListener, looks: Looks): Promise<boolean> {
  const socket = connect(listener.port, reachable(listener.address));
  const isConnected = new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  });
  try {
    let step = isConnected;
    while (true) {
      const result = await looks.within(step);
      if (result === LATE || !result) return false;
      if (listener.has(`${socket.localAddress} ${socket.localPort}`)) return true;
      step = listener.next().then(() => true);
    }
  } finally {
    socket.destroy();
  }
}
