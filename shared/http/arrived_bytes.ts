import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { TransportError } from "./client.ts";

/** A reply is no longer read from the wire while more bytes than this wait for their reader. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** Where bytes come from. */
export interface ByteSource {
  pause(): void;
  resume(): void;
  isPaused(): boolean;
  destroy(): void;
}

/** The body of a reply, read in pieces of what arrived together. */
export class ArrivedBytes {
  readonly #source: ByteSource;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isEnded = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(source: ByteSource) {
    this.#source = source;
  }

  /** The body of a message of `node:http`. */
  static of(incoming: IncomingMessage): ArrivedBytes {
    const bytes = new ArrivedBytes(incoming);
    incoming.on("data", (piece: Buffer) => bytes.push(piece));
    incoming.once("end", () => bytes.end());
    incoming.once("error", (error) => bytes.end(error));
    incoming.once("close", () => bytes.end(new TransportError("The connection was closed")));
    return bytes;
  }

  /** To be called with each piece that has arrived. */
  push(bytes: Buffer): void {
    if (this.#isEnded) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.byteLength;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#source.pause();
    this.#wake?.();
  }

  /**
   * To be called when no more comes; only the first time counts.
   *
   * @param error Why the body broke off.
   */
  end(error?: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#error = error;
    this.#wake?.();
  }

  /**
   * The bytes that arrived since the last call; undefined at the end.
   *
   * @throws {Error} if the body broke off
   */
  async take(): Promise<Buffer | undefined> {
    while (true) {
      if (this.#waiting.length > 0) {
        const pieces = this.#waiting;
        this.#waiting = [];
        this.#waitingBytes = 0;
        if (this.#source.isPaused()) this.#source.resume();
        return pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
      }
      if (this.#error) throw this.#error;
      if (this.#isEnded) return undefined;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** Reads no further: what waits is dropped, and the connection is closed unless the body has ended. */
  drop(reason?: Error): void {
    const wasEnded = this.#isEnded;
    this.#waiting = [];
    this.end(reason);
    if (!wasEnded) this.#source.destroy();
  }
}
