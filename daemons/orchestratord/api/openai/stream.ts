import { openaiError } from "#shared/contracts/mod.ts";
import { encodeSseData, SSE } from "#shared/http/sse.ts";
import type { ChunkWriter } from "../dialect/dialect.ts";

const DONE = "[DONE]";

/** Writes chunks as SSE messages of JSON without an event name; the last message is `[DONE]`. */
export const openaiWriter: ChunkWriter<unknown> = {
  format: SSE,
  frame: (chunks) => encodeSseData(...chunks.map((chunk) => JSON.stringify(chunk))),
  endFrame: encodeSseData(DONE),
  errorFrame: (error) => encodeSseData(JSON.stringify(openaiError(error)), DONE),
};
