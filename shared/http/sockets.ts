import { connect, type Socket } from "node:net";
import { connect as connectTls, rootCertificates } from "node:tls";

/** A connection without a request is closed after this time, in ms, or up to half more: well before its peer would. */
const SPARE_MS = 3_000;

/** Time between two looks for connections that have waited for too long, in ms. */
const LOOK_MS = SPARE_MS / 2;

/** Connections without a request to one peer. */
const MOST_OF_ONE = 32;

/** Connections without a request to all peers. */
const MOST = 256;

/** Connections to peers that were called a moment ago, ready for their next requests. */
export class Sockets {
  readonly #ca: readonly string[] | undefined;
  /** By origin, the one called longest ago first; of each, the one used last comes last. */
  readonly #spares = new Map<string, Spare[]>();
  #size = 0;
  #looking: ReturnType<typeof setInterval> | undefined;

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

  /** A connection that is open and carries nothing; undefined: there is none. */
  takeSpare(origin: string): Socket | undefined {
    const spare = this.#spares.get(origin)?.findLast(({ isOpen }) => isOpen);
    return spare?.take();
  }

  /** Opens a connection for the next call, unless there is one. */
  prepare(origin: string): void {
    if (!this.#spares.has(origin)) this.#add(origin, this.open(origin), false);
  }

  /** Takes back a connection on which a request has been answered completely. */
  keep(origin: string, socket: Socket): void {
    const known = this.#spares.get(origin);
    if (socket.destroyed || (known?.length ?? 0) >= MOST_OF_ONE) socket.destroy();
    else this.#add(origin, socket, true);
  }

  #add(origin: string, socket: Socket, isOpen: boolean): void {
    const known = this.#spares.get(origin) ?? [];
    // The peer called last comes last.
    this.#spares.delete(origin);
    this.#spares.set(origin, known);
    const spare = new Spare(socket, isOpen, () => this.#forget(origin, spare));
    known.push(spare);
    this.#size++;
    if (this.#size > MOST) this.#spares.values().next().value![0]!.drop();
    if (this.#looking !== undefined) return;
    this.#looking = setInterval(() => this.#look(), LOOK_MS);
    // It keeps no process alive.
    Deno.unrefTimer(this.#looking);
  }

  #forget(origin: string, spare: Spare): void {
    const known = this.#spares.get(origin)!;
    known.splice(known.indexOf(spare), 1);
    if (known.length === 0) this.#spares.delete(origin);
    this.#size--;
  }

  #look(): void {
    const before = performance.now() - SPARE_MS;
    for (const spare of [...this.#spares.values()].flat()) {
      if (spare.since <= before) spare.drop();
    }
    if (this.#size > 0) return;
    clearInterval(this.#looking);
    this.#looking = undefined;
  }
}

/** A connection without a request. Whatever happens to it before one comes ends it. */
class Spare {
  /** Since when it waits, in ms of `performance.now()`. */
  readonly since = performance.now();
  readonly #socket: Socket;
  readonly #onGone: () => void;
  readonly #drop = () => this.drop();
  readonly #opened = () => this.#isOpen = true;
  #isOpen: boolean;

  constructor(socket: Socket, isOpen: boolean, onGone: () => void) {
    this.#socket = socket;
    this.#isOpen = isOpen;
    this.#onGone = onGone;
    if (!isOpen) socket.once("connect", this.#opened);
    for (const event of EVENTS) socket.on(event, this.#drop);
    // It keeps no process alive.
    socket.unref();
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** The connection; this is no spare any more. */
  take(): Socket {
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
    for (const event of EVENTS) this.#socket.off(event, this.#drop);
    this.#socket.off("connect", this.#opened);
    this.#onGone();
  }
}

const EVENTS = ["data", "end", "error", "close"] as const;

function isAddress(host: string): boolean {
  return host.includes(":") || /^\d+(\.\d+){3}$/.test(host);
}
