import { SSE_COMMENT, SSE_HEADERS } from "./sse.ts";

/** How a stream reply behaves. */
export interface SseResponseOptions {
  /** A comment goes out after this much silence, in milliseconds. */
  readonly keepAliveMs: number;
  readonly status?: number;
}

/**
 * A reply whose body pulls frames as fast as the client reads them, and no faster: nothing is
 * buffered for a slow reader. When the client goes away the frames' `return()` is called.
 */
export function sseResponse(
  frames: AsyncGenerator<Uint8Array>,
  options: SseResponseOptions,
): Response {
  let next: Promise<IteratorResult<Uint8Array>> | undefined;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      next ??= frames.next();
      const result = await withKeepAlive(next, options.keepAliveMs);
      if (result === undefined) return controller.enqueue(SSE_COMMENT);
      next = undefined;
      if (result.done) controller.close();
      else controller.enqueue(result.value);
    },
    async cancel() {
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
