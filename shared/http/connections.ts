import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { systemClock } from "../clock.ts";

/** One open connection. */
interface Connection {
  readonly socket: Socket;
  /** Requests in progress. */
  active: number;
  /** Whether no request has come yet. */
  isNew: boolean;
  /** The request whose body may still be arriving; `since` is in ms of `performance.now()`. */
  arriving?: {
    readonly incoming: IncomingMessage;
    readonly reply: ServerResponse;
    readonly since: number;
  };
}

/**
 * When no more connections may be opened, one may be closed whose request has been arriving for
 * this long, in ms.
 */
const ARRIVAL_MS = 1_500;

/**
 * The open connections of a server, up to a bound. At the bound, a new connection makes the server
 * close the one that has been idle longest; if none is idle, the oldest whose request has been
 * arriving for `arrivalMs`; if there is none, the new one.
 */
export class Connections {
  /** Connections accepted since the start. */
  accepted = 0;
  /** When the last one was accepted, in ms of the system clock's `steady()`. */
  acceptedAt = -Infinity;
  /** Places beyond the bound, so that a check of the listener takes no place from a client. */
  spare = 0;
  readonly #allows: (open: number) => boolean;
  readonly #onRefused: () => void;
  readonly #arrivalMs: number;
  /** Least recently used first. */
  readonly #open = new Map<Key, Connection>();
  readonly #keyOf: (socket: Socket) => Key;
  /** What waits for a change. */
  #waiting: (() => void)[] = [];

  /**
   * @param allows Whether one more may be opened when `open` are open.
   * @param onRefused Called when a new connection is closed at once.
   * @param hasTls Whether the connections that are opened and those of requests are not the same objects.
   */
  constructor(
    allows: (open: number) => boolean,
    onRefused: () => void = () => {},
    arrivalMs: number = ARRIVAL_MS,
    hasTls = false,
  ) {
    this.#keyOf = hasTls ? addressOf : (socket) => socket;
    this.#allows = allows;
    this.#onRefused = onRefused;
    this.#arrivalMs = arrivalMs;
  }

  /** Open connections. */
  get size(): number {
    return this.#open.size;
  }

  /** Open connections on which no request has come yet. */
  get withoutRequest(): number {
    return this.#open.values().reduce((sum, { isNew }) => sum + Number(isNew), 0);
  }

  /** Whether a connection from an address and port is open. */
  has(from: string): boolean {
    return this.#open.values().some(({ socket }) => addressOf(socket) === from);
  }

  /** Resolves when a connection has been opened or closed, or its first request has come. */
  changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Counts a new connection, and makes room for it. */
  opened(socket: Socket): void {
    this.accepted++;
    this.acceptedAt = systemClock.steady();
    this.#hasChanged();
    const key = this.#keyOf(socket);
    const connection: Connection = { socket, active: 0, isNew: true };
    if (!this.#allows(this.#open.size - this.spare)) {
      const leaving = this.#open.entries().find(([_, { active }]) => active === 0) ??
        this.#open.entries().find(([_, connection]) => this.#isSlow(connection));
      if (!leaving) {
        this.#onRefused();
        return void socket.destroy();
      }
      this.#open.delete(leaving[0]);
      leaving[1].socket.destroy();
    }
    this.#open.set(key, connection);
    socket.once("close", () => {
      if (this.#open.get(key) === connection) this.#open.delete(key);
      this.#hasChanged();
    });
  }

  /** Counts a request; its connection is idle again once the reply is closed. */
  begin(incoming: IncomingMessage, reply: ServerResponse): void {
    const key = this.#keyOf(incoming.socket);
    const connection = this.#open.get(key);
    if (!connection) return;
    connection.active++;
    if (connection.isNew) {
      connection.isNew = false;
      this.#hasChanged();
    }
    if (hasBody(incoming)) {
      connection.arriving = { incoming, reply, since: performance.now() };
    }
    reply.once("close", () => {
      connection.active--;
      delete connection.arriving;
      if (this.#open.get(key) !== connection) return;
      this.#open.delete(key);
      this.#open.set(key, connection);
    });
  }

  #hasChanged(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #isSlow({ arriving }: Connection): boolean {
    // A reply that has begun may not need the rest of the body.
    return arriving !== undefined && !arriving.incoming.complete && !arriving.reply.headersSent &&
      performance.now() - arriving.since >= this.#arrivalMs;
  }

  closeAll(): void {
    for (const { socket } of this.#open.values()) socket.destroy();
  }
}

/** Identifies a connection: Node has one object for the TCP socket and one for its TLS, with the same address. */
type Key = Socket | string;

/** A client's address and port. To ask for them costs a system call. */
function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}
