import type { Buffer } from "node:buffer";
import { TransportError } from "./client.ts";

/** Longest head of a reply, in bytes. */
const MAX_HEAD_BYTES = 64 * 1024;

/** Longest line before a chunk, in bytes: its size, and extensions, which nobody uses. */
const MAX_LINE_BYTES = 1024;

const [CR, LF] = [0x0d, 0x0a];

/** What one piece of a connection has brought. */
export interface Parsed {
  /** Set once the head is complete. */
  readonly status: number | undefined;
  /** Parts of the body, in order. */
  readonly body: readonly Buffer[];
  /** Whether the reply is complete. */
  readonly isDone: boolean;
  /** Whether the reply is complete, and another request may be sent on the connection. */
  readonly isFree: boolean;
}

/** What marks the end of the body. */
type Framing = "chunked" | "length" | "close";

/** Where in the reply the parser is. */
type Place = "head" | "size" | "data" | "after data" | "trailer" | "plain" | "done";

/**
 * Parses the reply to one HTTP/1.1 request, piece by piece (RFC 9112). It does not copy the body.
 *
 * @throws {TransportError} from its methods, if it is no such reply
 */
export class ReplyParser {
  #place: Place = "head";
  #framing: Framing = "close";
  #status: number | undefined;
  /** Bytes of an unfinished head or line. */
  #line = "";
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left = 0;
  /** Whether the connection ends after the reply. */
  #isLast = false;

  /** Takes a piece of the connection. */
  feed(bytes: Buffer): Parsed {
    const body: Buffer[] = [];
    let at = 0;
    while (at < bytes.length && this.#place !== "done") {
      switch (this.#place) {
        case "head":
          at = this.#takeHead(bytes, at);
          break;
        case "data":
        case "plain": {
          const end = this.#framing === "close"
            ? bytes.length
            : Math.min(bytes.length, at + this.#left);
          body.push(bytes.subarray(at, end));
          this.#left -= end - at;
          at = end;
          if (this.#left === 0 && this.#framing !== "close") {
            this.#place = this.#place === "data" ? "after data" : "done";
          }
          break;
        }
        default:
          at = this.#takeLine(bytes, at);
      }
    }
    const isDone = this.#place === "done";
    // Bytes after the reply belong to no request, so the connection is not used again.
    if (at < bytes.length) this.#isLast = true;
    return { status: this.#status, body, isDone, isFree: isDone && !this.#isLast };
  }

  /** To be called when the connection has ended; says whether that is the end of the reply. */
  end(): boolean {
    if (this.#place === "plain" && this.#framing === "close") this.#place = "done";
    return this.#place === "done";
  }

  #takeHead(bytes: Buffer, from: number): number {
    const before = this.#line.length;
    this.#line += bytes.toString("latin1", from);
    // Its end may be in two pieces.
    const end = this.#line.indexOf("\r\n\r\n", Math.max(0, before - 3));
    if (end < 0 ? this.#line.length > MAX_HEAD_BYTES : end > MAX_HEAD_BYTES) {
      throw foreign("its head is too long");
    }
    if (end < 0) return bytes.length;
    const head = this.#line.slice(0, end);
    this.#line = "";
    this.#begin(head);
    return from + end + 4 - before;
  }

  #begin(head: string): void {
    const [first = "", ...lines] = head.split("\r\n");
    const status = Number(/^HTTP\/1\.[01] ([1-9]\d\d)(?: |$)/.exec(first)?.[1]);
    if (!status) throw foreign(`it begins with "${first.slice(0, 40)}"`);
    // An interim reply: the real one follows.
    if (status < 200) return;
    if (!first.startsWith("HTTP/1.1")) this.#isLast = true;
    let length: number | undefined;
    let isChunked = false;
    for (const line of lines) {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      if (name === "content-length") {
        if (!/^\d{1,15}$/.test(value) || length !== undefined && length !== Number(value)) {
          throw foreign("its content-length is not a number");
        }
        length = Number(value);
      } else if (name === "transfer-encoding") {
        isChunked = value.toLowerCase() === "chunked";
        if (!isChunked) throw foreign(`its transfer-encoding is "${value.slice(0, 40)}"`);
      } else if (name === "connection" && value.toLowerCase() !== "keep-alive") {
        this.#isLast = true;
      }
    }
    this.#status = status;
    if (isChunked) [this.#framing, this.#place] = ["chunked", "size"];
    else if (status === 204 || status === 304 || length === 0) this.#place = "done";
    else if (length === undefined) this.#place = "plain";
    else [this.#framing, this.#place, this.#left] = ["length", "plain", length];
  }

  /** Takes a line of the chunked body up to its end, if that has come. */
  #takeLine(bytes: Buffer, from: number): number {
    const end = bytes.indexOf(LF, from);
    const to = end < 0 ? bytes.length : end;
    this.#line += bytes.toString("latin1", from, to);
    if (this.#line.length > MAX_LINE_BYTES) throw foreign("a line between chunks is too long");
    if (end < 0) return to;
    const line = this.#line.charCodeAt(this.#line.length - 1) === CR
      ? this.#line.slice(0, -1)
      : this.#line;
    this.#line = "";
    if (this.#place === "size") {
      const size = /^([0-9a-f]{1,8})\s*(?:;|$)/i.exec(line)?.[1];
      if (size === undefined) throw foreign(`a chunk's size is "${line.slice(0, 20)}"`);
      this.#left = Number.parseInt(size, 16);
      this.#place = this.#left === 0 ? "trailer" : "data";
    } else if (this.#place === "after data") {
      if (line !== "") throw foreign("a chunk is longer than its size");
      this.#place = "size";
    } else if (line === "") this.#place = "done";
    return end + 1;
  }
}

function foreign(what: string): TransportError {
  return new TransportError(`The reply is not HTTP: ${what}`);
}
