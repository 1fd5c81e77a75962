import { openaiError } from "#shared/contracts/mod.ts";
import { encodeSseData, SSE } from "#shared/http/sse.ts";
import type { ChunkWriter } from "../dialect/dialect.ts";

const DONE = "[DONE]";

/** Nameless events of JSON, and a last one that is not. */
export const openaiWriter: ChunkWriter<unknown> = {
  format: SSE,
  frame: (chunks) => encodeSseData(...chunks.map((chunk) => JSON.stringify(chunk))),
  endFrame: encodeSseData(DONE),
  errorFrame: (error) => encodeSseData(JSON.stringify(openaiError(error)), DONE),
};
