import { BUILD_INFO } from "#shared/build_info.ts";
import type { Decoded, DecodeOrder, DecodeReply } from "./decoder.ts";
import { BadMedia, type Pixels } from "./pixels.ts";

/** The thread's module, which a built program has beside its own. */
const THREAD = BUILD_INFO ? "./decoder.js" : "./decoder.ts";

/** Options of {@linkcode Decoders}. */
export interface DecodersOptions {
  /** Pixels that a picture may have. */
  readonly mostPixels: number;
  /** Length that sound may have, in seconds. */
  readonly mostSeconds: number;
  /** Time that one may take, in milliseconds; then its thread is ended. */
  readonly deadlineMs: number;
  /** Time without anything to decode after which the thread is ended, in milliseconds. */
  readonly idleMs: number;
  /** Starts the thread. @default the module beside this one, without permissions */
  readonly start?: () => Worker;
}

/** The thread: a file that people made reaches nothing from there. */
export function startThread(): Worker {
  return new Worker(new URL(THREAD, import.meta.url), {
    type: "module",
    name: "decoder",
    deno: { permissions: "none" },
  });
}

/**
 * Decodes pictures and sound one after the other in a thread without permissions. It starts with the first, and ends
 * when there was nothing to decode for a while: memory that decoders have grown is given back only so.
 */
export class Decoders {
  readonly #options: DecodersOptions;
  #worker: Worker | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;

  constructor(options: DecodersOptions) {
    this.#options = options;
  }

  /**
   * Decodes a picture.
   *
   * @throws {BadMedia}
   */
  async decodeImage(file: Uint8Array<ArrayBuffer>): Promise<Pixels> {
    const { mostPixels } = this.#options;
    const reply = await this.#next({ kind: "image", file, mostPixels });
    if ("pixels" in reply) return reply.pixels;
    throw unexpected(reply);
  }

  /**
   * Decodes sound.
   *
   * @param rate Samples of a second.
   * @throws {BadMedia}
   */
  async decodeSound(
    file: Uint8Array<ArrayBuffer>,
    rate: number,
  ): Promise<Float32Array<ArrayBuffer>> {
    const { mostSeconds } = this.#options;
    const reply = await this.#next({ kind: "sound", file, bounds: { rate, mostSeconds } });
    if ("samples" in reply) return reply.samples;
    throw unexpected(reply);
  }

  /** Ends the thread. */
  close(): void {
    clearTimeout(this.#idle);
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #next(order: DecodeOrder): Promise<Decoded> {
    clearTimeout(this.#idle);
    this.#waiting++;
    const result = this.#last.then(() => this.#decode(order)).finally(() => this.#done());
    this.#last = result.catch(() => {});
    return result;
  }

  #done(): void {
    if (--this.#waiting > 0 || !this.#worker) return;
    this.#idle = setTimeout(() => this.close(), this.#options.idleMs);
  }

  async #decode(order: DecodeOrder): Promise<Decoded> {
    const { deadlineMs, start = startThread } = this.#options;
    const worker = this.#worker ??= start();
    const { promise, resolve, reject } = Promise.withResolvers<DecodeReply>();
    worker.onmessage = ({ data }: MessageEvent<DecodeReply>) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(`The thread that decodes has failed: ${event.message}`));
    };
    const timer = setTimeout(
      () => reject(new BadMedia(`takes longer than ${deadlineMs} ms to decode`)),
      deadlineMs,
    );
    try {
      worker.postMessage(order);
      const reply = await promise;
      if ("reason" in reply) throw new BadMedia(reply.reason);
      return reply;
    } catch (error) {
      if (!(error instanceof BadMedia) || /to decode$/.test(error.message)) this.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

function unexpected(reply: Decoded): Error {
  return new Error(`The thread that decodes has answered with ${Object.keys(reply)}`);
}
