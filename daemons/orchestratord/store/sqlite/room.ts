import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { LlorchError } from "#shared/errors.ts";

/** When a client may try again, in ms: somebody has to free space. */
const RETRY_MS = 60_000;

/** Keeps a part of the disk free, without which nothing could even be removed. */
export class Room {
  readonly #dir: string;
  readonly #least: () => number;

  /**
   * @param path The database file.
   * @param least Bytes that must stay free.
   */
  constructor(path: string, least: () => number) {
    this.#dir = dirname(path);
    this.#least = least;
  }

  /**
   * Checks that there is room for some bytes.
   *
   * @throws {LlorchError} `NOT_READY`
   */
  async check(bytes: number, what: "file" | "image"): Promise<void> {
    const least = this.#least();
    if (least === 0) return;
    const { bavail, bsize } = await statfs(this.#dir);
    const free = bavail * bsize;
    if (free - bytes >= least) return;
    throw new LlorchError(
      "NOT_READY",
      `Cannot keep the ${what}: ${free} bytes of the disk are free, and ${least} must stay so`,
      { retryAfterMs: RETRY_MS },
    );
  }
}
