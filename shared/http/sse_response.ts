import { SSE_COMMENT, SSE_HEADERS } from "./sse.ts";

/** How a stream reply behaves. */
export interface SseResponseOptions {
  /** A comment goes out after this much silence, in milliseconds. */
  readonly keepAliveMs: number;
  readonly status?: number;
  /** What becomes of a client that does not read what was sent; by default it is waited for. */
  readonly slowReader?: SlowReader;
  /** Called once when the stream has ended, whoever ended it. */
  readonly onClose?: () => void;
}

/** The end of a stream that nobody reads. */
export interface SlowReader {
  /** A client that takes nothing for this long is cut off, in milliseconds. */
  readonly afterMs: number;
  /** The frame that it finds when it reads on after all. */
  readonly lastWords: Uint8Array;
}

/**
 * A reply whose body pulls frames as fast as the client reads them, and no faster: nothing is
 * buffered for a slow reader. When the client goes away, or is cut off, the frames' `return()` is
 * called.
 */
export function sseResponse(
  frames: AsyncGenerator<Uint8Array>,
  options: SseResponseOptions,
): Response {
  const { keepAliveMs, slowReader, onClose } = options;
  let next: Promise<IteratorResult<Uint8Array>> | undefined;
  /** When the client was given something that it has not asked beyond. */
  let givenAt: number | undefined;
  let watch: ReturnType<typeof setInterval> | undefined;
  let isOpen = true;
  const end = () => {
    if (!isOpen) return;
    isOpen = false;
    clearInterval(watch);
    onClose?.();
  };
  // One timer per stream that now and then looks at a clock: a timer per frame would cost more.
  const startWatch = (controller: ReadableStreamDefaultController, slow: SlowReader) =>
    setInterval(() => {
      if (givenAt === undefined || performance.now() - givenAt < slow.afterMs) return;
      end();
      controller.enqueue(slow.lastWords);
      controller.close();
      frames.return(undefined).catch(() => {});
    }, Math.ceil(slow.afterMs / 4));
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      givenAt = undefined;
      if (slowReader && watch === undefined) watch = startWatch(controller, slowReader);
      next ??= frames.next();
      let result: IteratorResult<Uint8Array> | undefined;
      try {
        result = await withKeepAlive(next, keepAliveMs);
      } catch (error) {
        end();
        throw error;
      }
      if (!isOpen) return;
      givenAt = performance.now();
      if (result === undefined) return controller.enqueue(SSE_COMMENT);
      next = undefined;
      if (result.done) {
        end();
        controller.close();
      } else controller.enqueue(result.value);
    },
    async cancel() {
      end();
      // Not awaited to its end by a generator that waits itself; its signal ends that wait.
      await frames.return(undefined).catch(() => {});
    },
  }, { highWaterMark: 0 });
  return new Response(body, { status: options.status ?? 200, headers: { ...SSE_HEADERS } });
}

/** The value, or undefined when it is not there within `ms`. */
async function withKeepAlive<T>(value: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([value, silence]);
  } finally {
    clearTimeout(timer);
  }
}
