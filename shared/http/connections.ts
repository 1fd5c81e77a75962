import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** One open connection. */
interface Connection {
  readonly socket: Socket;
  /** Requests that are being answered. */
  active: number;
  /** The request whose body may still be arriving, and since when, in ms of `performance.now()`. */
  arriving?: {
    readonly incoming: IncomingMessage;
    readonly reply: ServerResponse;
    readonly since: number;
  };
}

/** At the bound, a request may take this long to arrive before its connection makes room, in ms. */
const ARRIVAL_MS = 1_500;

/**
 * The open connections of a server, as many as may be. For one more, the one that has been idle longest is
 * closed; where none is idle, the oldest whose request has been arriving for `arrivalMs`; where there
 * is none, the new one.
 */
export class Connections {
  /** How many were ever accepted. */
  accepted = 0;
  /** Places beyond the bound: a check of the listener takes none of a client. */
  spare = 0;
  readonly #allows: (open: number) => boolean;
  readonly #onRefused: () => void;
  readonly #arrivalMs: number;
  /** By the client's address, the longest unused first. */
  readonly #open = new Map<string, Connection>();

  /**
   * @param allows Whether one more may be opened beside so many.
   * @param onRefused Called when a new connection finds no place.
   */
  constructor(
    allows: (open: number) => boolean,
    onRefused: () => void = () => {},
    arrivalMs: number = ARRIVAL_MS,
  ) {
    this.#allows = allows;
    this.#onRefused = onRefused;
    this.#arrivalMs = arrivalMs;
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

  /** Counts a new connection, and makes room for it. */
  opened(socket: Socket): void {
    this.accepted++;
    const key = addressOf(socket);
    const connection: Connection = { socket, active: 0 };
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
    });
  }

  /** A request has come; its connection is idle again once the reply is closed. */
  begin(incoming: IncomingMessage, reply: ServerResponse): void {
    const key = addressOf(incoming.socket);
    const connection = this.#open.get(key);
    if (!connection) return;
    connection.active++;
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

  #isSlow({ arriving }: Connection): boolean {
    // Who is answered already may not have had to read all of it.
    return arriving !== undefined && !arriving.incoming.complete && !arriving.reply.headersSent &&
      performance.now() - arriving.since >= this.#arrivalMs;
  }

  closeAll(): void {
    for (const { socket } of this.#open.values()) socket.destroy();
  }
}

/** The same for a connection and for the TLS in it, which are two objects. */
function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
}
