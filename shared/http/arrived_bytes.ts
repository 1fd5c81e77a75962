import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { TransportError } from "./client.ts";

/** A reply is no longer read from the wire while more bytes than this wait for their reader. */
const MAX_WAITING_BYTES = 1024 * 1024;

/** The body of a reply, read in pieces of what arrived together. */
export class ArrivedBytes {
  readonly #incoming: IncomingMessage;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isEnded = false;
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(incoming: IncomingMessage) {
    this.#incoming = incoming;
    incoming.on("data", (bytes: Buffer) => {
      this.#waiting.push(bytes);
      this.#waitingBytes += bytes.byteLength;
      if (this.#waitingBytes > MAX_WAITING_BYTES) incoming.pause();
      this.#wake?.();
    });
    incoming.once("end", () => this.#end());
    incoming.once("error", (error) => this.#end(error));
    incoming.once("close", () => {
      if (!this.#isEnded) this.#end(new TransportError("The connection was closed"));
    });
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
        if (this.#incoming.isPaused()) this.#incoming.resume();
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
    this.#end(reason);
    if (!wasEnded) this.#incoming.destroy();
  }

  #end(error?: Error): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#error = error;
    this.#wake?.();
  }
}
