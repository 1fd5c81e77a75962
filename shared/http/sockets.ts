import { connect, type Socket } from "node:net";
import { connect as connectTls, rootCertificates } from "node:tls";

/** A spare connection is closed after this time, in ms: well before its peer would. */
const SPARE_MS = 3_000;

/** Peers that a connection is kept ready for at a time, those used last. */
const MOST_SPARE = 256;

/** Keeps one connection ready for each peer that was called a moment ago. Each is used once. */
export class Sockets {
  readonly #ca: readonly string[] | undefined;
  /** By origin, least recently used first. */
  readonly #spares = new Map<string, Spare>();

  /** @param ca Certificates in PEM to trust in addition to the usual authorities. */
  constructor(ca?: string) {
    this.#ca = ca === undefined ? undefined : [...rootCertificates, ca];
  }

  /** A connection that is being opened; what is written to it waits for that. */
  open(origin: string): Socket {
    const { protocol, hostname, port } = new URL(origin);
    const host = hostname.replace(/^\[|\]$/g, "");
    const socket = protocol === "https:"
      ? connectTls({
        ...{ host, port: Number(port || 443) },
        ...(isAddress(host) ? {} : { servername: host }),
        ...(this.#ca ? { ca: [...this.#ca] } : {}),
      })
      : connect({ host, port: Number(port || 80) });
    socket.setNoDelay(true);
    return socket;
  }

  /** A connection that is open and was never used; undefined: there is none. */
  takeSpare(origin: string): Socket | undefined {
    return this.#spares.get(origin)?.take();
  }

  /** Opens a spare connection for the next call, unless there is one. */
  prepare(origin: string): void {
    if (this.#spares.has(origin)) return;
    const spare = new Spare(this.open(origin), () => {
      if (this.#spares.get(origin) === spare) this.#spares.delete(origin);
    });
    this.#spares.set(origin, spare);
    if (this.#spares.size > MOST_SPARE) [...this.#spares.values()][0]!.drop();
  }
}

/** A connection without a request. Whatever happens to it before one comes ends it. */
class Spare {
  readonly #socket: Socket;
  readonly #onGone: () => void;
  readonly #expiry: ReturnType<typeof setTimeout>;
  readonly #drop = () => this.drop();
  #isOpen = false;

  constructor(socket: Socket, onGone: () => void) {
    this.#socket = socket;
    this.#onGone = onGone;
    this.#expiry = setTimeout(this.#drop, SPARE_MS);
    socket.once("connect", () => this.#isOpen = true);
    for (const event of EVENTS) socket.on(event, this.#drop);
    // It keeps no process alive.
    Deno.unrefTimer(this.#expiry);
    socket.unref();
  }

  /** The connection, if it is open; this is no spare any more. */
  take(): Socket | undefined {
    if (!this.#isOpen) return undefined;
    this.#forget();
    this.#socket.ref();
    return this.#socket;
  }

  drop(): void {
    this.#forget();
    // Its error is of no interest.
    this.#socket.on("error", () => {});
    this.#socket.destroy();
  }

  #forget(): void {
    clearTimeout(this.#expiry);
    for (const event of EVENTS) this.#socket.off(event, this.#drop);
    this.#onGone();
  }
}

const EVENTS = ["data", "end", "error", "close"] as const;

function isAddress(host: string): boolean {
  return host.includes(":") || /^\d+(\.\d+){3}$/.test(host);
}
