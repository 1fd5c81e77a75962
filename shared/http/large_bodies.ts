import { LlorchError } from "../errors.ts";
import { StreamResponse } from "./stream_response.ts";

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
   * Begins to read a body. Its bytes count as they come, so that one that is only announced holds nothing.
   *
   * @param bytes Its length, as it is announced.
   * @throws {LlorchError} `PAYLOAD_TOO_LARGE`
   */
  begin(bytes: number): LargeBody {
    const { maxBytes } = this.#bounds();
    if (bytes > maxBytes) {
      throw new LlorchError(
        "PAYLOAD_TOO_LARGE",
        `Cannot accept a body of more than ${maxBytes} bytes, images included`,
      );
    }
    let taken = 0;
    let isOpen = true;
    return {
      bytes,
      grow: (more) => {
        this.#grow(more, taken);
        taken += more;
      },
      giveBack: () => {
        if (isOpen) this.#open -= taken;
        isOpen = false;
      },
    };
  }

  /** @param own Bytes of the same body: alone, it is taken whatever the bound. */
  #grow(bytes: number, own: number): void {
    const { maxOpenBytes } = this.#bounds();
    if (this.#open > own && this.#open + bytes > maxOpenBytes) {
      throw new LlorchError(
        "NOT_READY",
        `Cannot take more of a body with images now: others have ${
          this.#open - own
        } bytes of the ` +
          `${maxOpenBytes} that may be open at a time`,
        { retryAfterMs: RETRY_MS },
      );
    }
    this.#open += bytes;
  }
}

/** A body that is being read, or whose request has not been answered. */
export interface LargeBody {
  /** Its length. */
  readonly bytes: number;
  /**
   * Counts bytes that came.
   *
   * @throws {LlorchError} `NOT_READY` while there is no room for them
   */
  readonly grow: (bytes: number) => void;
  /** Gives the room back; calls after the first do nothing. */
  readonly giveBack: () => void;
}

/**
 * Refuses a large body that is not large because of images.
 *
 * @param body The parsed body.
 * @param bytes Its length.
 * @throws {LlorchError} `PAYLOAD_TOO_LARGE`
 */
export function checkTexts(body: unknown, bytes: number, maxTextBytes: number): void {
  if (bytes - imagesLength(body) <= maxTextBytes) return;
  throw new LlorchError(
    "PAYLOAD_TOO_LARGE",
    `Cannot accept a body of more than ${maxTextBytes} bytes without its images`,
  );
}

/** Fields that hold an image in base64: Anthropic's, and Ollama's list. */
const IMAGE_FIELDS: ReadonlySet<string> = new Set(["data", "images"]);

/** Characters of the images in a parsed body: data: URLs, and base64 where some APIs have it. */
function imagesLength(body: unknown): number {
  let length = 0;
  // No recursion: a body may be nested deeply.
  const open: { readonly value: unknown; readonly isImage: boolean }[] = [
    { value: body, isImage: false },
  ];
  for (let next = open.pop(); next; next = open.pop()) {
    const { value, isImage } = next;
    if (typeof value === "string") {
      if (isImage || value.startsWith("data:")) length += value.length;
    } else if (Array.isArray(value)) {
      for (const each of value) open.push({ value: each, isImage });
    } else if (typeof value === "object" && value !== null) {
      for (const [name, each] of Object.entries(value)) {
        open.push({ value: each, isImage: IMAGE_FIELDS.has(name) });
      }
    }
  }
  return length;
}

/** A response that calls `onEnd` once when it has been sent to its end, or no longer is. */
export function withEnd(response: Response, onEnd: () => void): Response {
  if (response instanceof StreamResponse) {
    const { frames, options } = response;
    const onClose = () => {
      options.onClose?.();
      onEnd();
    };
    return new StreamResponse(frames, { ...options, onClose });
  }
  // Any other reply is there as a whole, or is a worker's, whose slots bound them.
  onEnd();
  return response;
}
