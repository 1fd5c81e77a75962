import { Buffer } from "node:buffer";
import { readBytes } from "#shared/http/body.ts";

/** Bodies up to this size are read whole, so that they can be sent again, in bytes. */
const MAX_HELD_BYTES = 1024 * 1024;

/** A request that can be sent more than once, unless its body is large or of unknown size. */
export class HeldRequest {
  readonly original: Request;
  /** Undefined if there is none, or it is not held. */
  readonly body: Uint8Array | undefined;
  /** The body of a request that can be sent only once. */
  readonly stream: ReadableStream<Uint8Array> | undefined;
  #isSent = false;

  private constructor(original: Request, body: Uint8Array | undefined) {
    this.original = original;
    this.body = body;
    this.stream = body === undefined ? original.body ?? undefined : undefined;
  }

  /**
   * Reads a body that is small.
   *
   * @throws {LlorchError} as {@linkcode readBytes}
   */
  static async of(request: Request): Promise<HeldRequest> {
    const length = request.headers.get("content-length");
    const isSmall = length !== null && Number(length) <= MAX_HELD_BYTES;
    const { method } = request;
    if (!isSmall || method === "GET" || method === "HEAD") {
      return new HeldRequest(request, undefined);
    }
    return new HeldRequest(request, await readBytes(request, { maxBytes: MAX_HELD_BYTES }));
  }

  /** Whether it can be sent now. */
  get canBeSent(): boolean {
    return !this.#isSent || this.stream === undefined;
  }

  /**
   * Whether a second one does no harm if the first one may have been carried out: it changes nothing, or it
   * has a key by which that is noticed.
   */
  get isRepeatable(): boolean {
    const { method, headers } = this.original;
    const isSafe = method === "GET" || method === "HEAD";
    return this.stream === undefined && (isSafe || headers.has("idempotency-key"));
  }

  /** To be called when it is sent. */
  sent(): void {
    this.#isSent = true;
  }

  /** The request, to be handled by this process. */
  get request(): Request {
    if (this.body === undefined) return this.original;
    const { url, method, headers, signal } = this.original;
    return new Request(url, { method, headers, signal, body: Buffer.from(this.body) });
  }
}
