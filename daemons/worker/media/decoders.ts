import { BUILD_INFO } from "#shared/build_info.ts";
import type { DecodeOrder, DecodeReply } from "./decoder.ts";
import { BadMedia, type Pixels } from "./pixels.ts";

/** The thread's module, which a built program has beside its own. */
const THREAD = BUILD_INFO ? "./decoder.js" : "./decoder.ts";

/** Options of {@linkcode Decoders}. */
export interface DecodersOptions {
  /** Pixels that a picture may have. */
  readonly mostPixels: number;
  /** Time that one may take, in milliseconds; then its thread is ended. */
  readonly deadlineMs: number;
}

/** Decodes pictures one after the other in a thread without permissions, which starts with the first. */
export class Decoders {
  readonly #options: DecodersOptions;
  #worker: Worker | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: DecodersOptions) {
    this.#options = options;
  }

  /**
   * Decodes a picture.
   *
   * @throws {BadMedia}
   */
  decode(file: Uint8Array<ArrayBuffer>): Promise<Pixels> {
    const result = this.#last.then(() => this.#decode(file));
    this.#last = result.catch(() => {});
    return result;
  }

  /** Ends the thread. */
  close(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  async #decode(file: Uint8Array<ArrayBuffer>): Promise<Pixels> {
    const { mostPixels, deadlineMs } = this.#options;
    const worker = this.#worker ??= new Worker(new URL(THREAD, import.meta.url), {
      type: "module",
      name: "decoder",
      deno: { permissions: "none" },
    });
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
      worker.postMessage({ file, mostPixels } satisfies DecodeOrder);
      const reply = await promise;
      if ("pixels" in reply) return reply.pixels;
      throw new BadMedia(reply.reason);
    } catch (error) {
      if (!(error instanceof BadMedia) || /to decode$/.test(error.message)) this.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}
