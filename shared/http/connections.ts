import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** One open connection. */
interface Connection {
  readonly socket: Socket;
  /** Requests that are being answered. */
  active: number;
}

/**
 * The open connections of a server, at most `max`. For one more, the one that has been idle longest is
 * closed; where none is idle, the new one.
 */
export class Connections {
  /** How many were ever accepted. */
  accepted = 0;
  /** Places beyond the bound: a check of the listener takes none of a client. */
  spare = 0;
  readonly #max: number;
  /** By the client's address, the longest unused first. */
  readonly #open = new Map<string, Connection>();

  constructor(max: number) {
    this.#max = max;
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

  /** Counts a new connection, and makes room for it. */
  opened(socket: Socket): void {
    this.accepted++;
    const key = addressOf(socket);
    const connection = { socket, active: 0 };
    if (this.#open.size >= this.#max + this.spare) {
      const idle = this.#open.entries().find(([_, { active }]) => active === 0);
      if (!idle) return void socket.destroy();
      this.#open.delete(idle[0]);
      idle[1].socket.destroy();
    }
    this.#open.set(key, connection);
    socket.once("close", () => {
      if (this.#open.get(key) === connection) this.#open.delete(key);
    });
  }

  /** A request has come; its connection is idle again once the reply is closed. */
  begin(socket: Socket, reply: ServerResponse): void {
    const key = addressOf(socket);
    const connection = this.#open.get(key);
    if (!connection) return;
    connection.active++;
    reply.once("close", () => {
      connection.active--;
      if (this.#open.get(key) !== connection) return;
      this.#open.delete(key);
      this.#open.set(key, connection);
    });
  }

  closeAll(): void {
    for (const { socket } of this.#open.values()) socket.destroy();
  }
}

/** The same for a connection and for the TLS in it, which are two objects. */
function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
