import { openaiError, type ResponseEvent } from "#shared/contracts/mod.ts";
import { encodeSse, formatSse, SSE } from "#shared/http/sse.ts";
import type { ChunkWriter } from "../dialect/dialect.ts";

const encoder = new TextEncoder();

/** Writes events under the name of their type. */
export const responseWriter: ChunkWriter<ResponseEvent> = {
  format: SSE,
  frame: (events) => encoder.encode(events.map((event) => formatSse(event.type, event)).join("")),
  errorFrame: (error) => {
    const { code, message, param } = openaiError(error).error;
    return encodeSse("error", { type: "error", code, message, param });
  },
};
