import { LlorchError } from "../errors.ts";

/** When a client may try again, in ms: a request with images ends within seconds. */
const RETRY_MS = 2_000;

/** Bounds of {@linkcode LargeBodies}, in bytes. */
export interface LargeBodyBounds {
  /** Largest body. */
  readonly maxBytes: number;
  /** Most bytes of such bodies at a time. */
  readonly maxOpenBytes: number;
}

/**
 * Room for request bodies that are larger than usual because of their images. They are in memory until
 * their requests have been answered, so that only some of them are taken at a time.
 */
export class LargeBodies {
  readonly #bounds: () => LargeBodyBounds;
  #open = 0;

  constructor(bounds: () => LargeBodyBounds) {
    this.#bounds = bounds;
  }

  /** Bytes of the bodies whose requests have not been answered. */
  get openBytes(): number {
    return this.#open;
  }

  /**
   * Takes room for a body.
   *
   * @returns what gives the room back; calls after the first do nothing
   * @throws {LlorchError} `PAYLOAD_TOO_LARGE`, or `NOT_READY` while there is no room
   */
  take(bytes: number): () => void {
    const { maxBytes, maxOpenBytes } = this.#bounds();
    if (bytes > maxBytes) {
      throw new LlorchError(
        "PAYLOAD_TOO_LARGE",
        `Cannot accept a body of more than ${maxBytes} bytes, images included`,
      );
    }
    if (this.#open > 0 && this.#open + bytes > maxOpenBytes) {
      throw new LlorchError(
        "NOT_READY",
        `Cannot take a body of ${bytes} bytes now: others with images have ${this.#open} bytes of the ` +
          `${maxOpenBytes} that may be open at a time`,
        { retryAfterMs: RETRY_MS },
      );
    }
    this.#open += bytes;
    let isTaken = true;
    return () => {
      if (isTaken) this.#open -= bytes;
      isTaken = false;
    };
  }
}

/** A response that calls `onEnd` once when its body has been read to its end, or no longer is. */
export function withEnd(response: Response, onEnd: () => void): Response {
  if (!response.body) {
    onEnd();
    return response;
  }
  const reader = response.body.getReader();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        onEnd();
        controller.close();
      } catch (error) {
        onEnd();
        throw error;
      }
    },
    async cancel(reason) {
      onEnd();
      await reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
  const { status, headers } = response;
  return new Response(body, { status, headers });
}
