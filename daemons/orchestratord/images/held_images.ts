import { LlorchError } from "#shared/errors.ts";
import type { Image } from "../store/image_store.ts";

/** When a client may try again, in ms: a request with images ends within seconds. */
const RETRY_MS = 2_000;

/** An image in memory, and how many hold it. */
interface Held {
  readonly image: Image;
  holders: number;
}

/** Images of requests that are not stored, each once by its hash, in memory until their jobs end. */
export class HeldImages {
  readonly #maxBytes: () => number;
  readonly #held = new Map<string, Held>();
  #bytes = 0;

  /** @param maxBytes Most bytes of all images together. */
  constructor(maxBytes: () => number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(sha256: string): Image | undefined {
    return this.#held.get(sha256)?.image;
  }

  /**
   * Holds images.
   *
   * @returns what lets go of them; calls after the first do nothing
   * @throws {LlorchError} `NOT_READY` while there is no room for them
   */
  hold(images: readonly Image[]): () => void {
    const fresh = images.filter(({ sha256 }) => !this.#held.has(sha256));
    const more = sum(fresh);
    if (this.#bytes > 0 && this.#bytes + more > this.#maxBytes()) {
      throw new LlorchError(
        "NOT_READY",
        `Cannot take ${more} bytes of images now: requests that run and wait have ${this.#bytes} bytes ` +
          `of the ${this.#maxBytes()} that may be in memory`,
        { retryAfterMs: RETRY_MS },
      );
    }
    this.#bytes += more;
    for (const image of images) {
      const held = this.#held.get(image.sha256) ?? { image, holders: 0 };
      held.holders++;
      this.#held.set(image.sha256, held);
    }
    let isHeld = true;
    return () => {
      if (isHeld) images.forEach((image) => this.#letGo(image));
      isHeld = false;
    };
  }

  #letGo({ sha256, data }: Image): void {
    const held = this.#held.get(sha256)!;
    held.holders--;
    if (held.holders > 0) return;
    this.#held.delete(sha256);
    this.#bytes -= data.byteLength;
  }
}

function sum(images: readonly Image[]): number {
  return images.reduce((total, { data }) => total + data.byteLength, 0);
}
