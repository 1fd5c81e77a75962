/**
 * llama.cpp's thread, with a garbage collection before each order.
 *
 * @module
 */
import "../engine/libllama/thread/thread.ts";

const scope = globalThis as unknown as { gc(): void; onmessage(event: MessageEvent): void };
const work = scope.onmessage;

scope.onmessage = (event) => {
  scope.gc();
  work(event);
};
