/** Figures of an answer as text. */
import { formatDuration } from "#shared/duration.ts";
import type { Figures } from "./chat.ts";
import { formatThings } from "./format.ts";

/** Minimal time to compute a rate from, in ms: tokens that came faster came in one piece. */
const MEASURABLE_MS = 100;

/** Why an answer ended, where the API's word is none of people's. */
const REASONS: Readonly<Record<string, string>> = {
  length: "cut off at its limit",
  tool_calls: "calls a function",
};

/** `120 tokens in 2.1 s, first after 90 ms, 59.2 tokens/s, stop`. */
export function wordsOf({ tokens, thinking, firstMs, tookMs, reason }: Figures): string {
  const decodeMs = tookMs - firstMs;
  const isMeasurable = tokens > 1 && decodeMs >= MEASURABLE_MS;
  const rate = Math.round(10_000 * (tokens - 1) / decodeMs) / 10;
  return [
    `${formatThings(tokens, "token")} in ${formatDuration(tookMs)}`,
    ...(thinking ? [`${thinking} of them thinking`] : []),
    `first after ${formatDuration(firstMs)}`,
    ...(isMeasurable ? [`${rate} tokens/s`] : []),
    REASONS[reason] ?? reason,
  ].join(", ");
}
