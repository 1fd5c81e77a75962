import { SSE_COMMENT, SSE_HEADERS } from "./sse.ts";

/** How a stream reply behaves. */
export interface SseResponseOptions {
  /** A comment goes out after this much silence, or at most a quarter more, in milliseconds. */
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
  readonly lastWords: () => Uint8Array;
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
  let watch: ReturnType<typeof setInterval> | undefined;
  /** Whether the client waits for something, and since when that is so or not. */
  let isAsking = false;
  let since = 0;
  let isOpen = true;
  const end = () => {
    if (!isOpen) return;
    isOpen = false;
    clearInterval(watch);
    onClose?.();
  };
  const look = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    const elapsed = performance.now() - since;
    const isUnread = !isAsking || (controller.desiredSize ?? 0) < 0;
    if (!isUnread && elapsed >= keepAliveMs) {
      since = performance.now();
      controller.enqueue(SSE_COMMENT);
    } else if (isUnread && slowReader && elapsed >= slowReader.afterMs) {
      end();
      controller.enqueue(slowReader.lastWords());
      controller.close();
      frames.return(undefined).catch(() => {});
    }
  };
  // One timer per stream that now and then looks at a clock: a timer per frame would cost more.
  const lookMs = Math.ceil(Math.min(keepAliveMs, slowReader?.afterMs ?? keepAliveMs) / 4);
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      watch ??= setInterval(look, lookMs, controller);
      isAsking = true;
      since = performance.now();
      let result: IteratorResult<Uint8Array>;
      try {
        result = await frames.next();
      } catch (error) {
        end();
        throw error;
      }
      if (!isOpen) return;
      isAsking = false;
      since = performance.now();
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
