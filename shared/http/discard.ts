import { deadline, LATE } from "../deadline.ts";

/** What is read of a refused body, so that its sender gets to read the reply, in bytes. */
const MAX_BYTES = 64 * 1024 * 1024;

/** For how long, in ms. */
const MAX_MS = 2_000;

/**
 * Reads a body that nobody wants, within bounds; to be awaited before the reply. A connection that is closed
 * after the reply, while its client still sends, is reset, and the client loses the reply.
 */
export async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  const until = performance.now() + MAX_MS;
  try {
    for (let size = 0; size < MAX_BYTES;) {
      const leftMs = until - performance.now();
      const next = leftMs > 0 ? await deadline(reader.read(), leftMs) : LATE;
      if (next === LATE) break;
      if (next.done) return;
      size += next.value.byteLength;
    }
    await reader.cancel();
  } catch {
    // The client has left.
  }
}
