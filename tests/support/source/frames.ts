/**
 * The bytes that a paced source sends. They are encoded once for each index, then only written.
 *
 * @module
 */

/** Protocol of a stream: the worker's `/execute`, or OpenAI's chat chunks. */
export type Dialect = "execute" | "openai";

/** Tokens per `metrics` event: a worker sends about two such events a second. */
const METRICS_EVERY = 16;

const encoder = new TextEncoder();
const caches: Record<Dialect, Uint8Array<ArrayBuffer>[]> = { execute: [], openai: [] };

/** Everything before the first token: the response head and the first events. */
export function beginning(dialect: Dialect, jobId: string, model: string): Uint8Array<ArrayBuffer> {
  if (dialect === "openai") return chunk(openai({ role: "assistant", content: "" }, null));
  const started_at = new Date().toISOString();
  return chunk(event("started", { job_id: jobId, worker_id: "source", model, started_at }));
}

/** One token, ` w1` for index 0. */
export function token(dialect: Dialect, index: number): Uint8Array<ArrayBuffer> {
  return caches[dialect][index] ??= makeToken(dialect, index);
}

/** Everything after the last token: the last events and the end of the body. */
export function ending(dialect: Dialect, tokens: number): Uint8Array<ArrayBuffer> {
  if (dialect === "openai") return chunk(openai({}, "length") + "data: [DONE]\n\n");
  return chunk(event("end", {
    tokens_in: 1,
    tokens_cached: 0,
    tokens_out: tokens,
    ttft_ms: 1,
    decode_time_ms: 1,
    stop_reason: "MAX_TOKENS",
    seed: 0,
  }));
}

function makeToken(dialect: Dialect, index: number): Uint8Array<ArrayBuffer> {
  const t = ` w${index + 1}`;
  if (dialect === "openai") return chunk(openai({ content: t }, null));
  const text = event("token", { t, i: index, ids: [index + 1] });
  if ((index + 1) % METRICS_EVERY !== 0) return chunk(text);
  const metrics = { tokens_out: index + 1, decode_time_ms: 1, tokens_per_second: 20, attempt: 1 };
  return chunk(text + event("metrics", metrics));
}

function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

function openai(delta: unknown, finish_reason: string | null): string {
  const choices = [{ index: 0, delta, logprobs: null, finish_reason }];
  const head = { id: "chatcmpl-source", created: 0, model: "counter", system_fingerprint: null };
  return `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices })}\n\n`;
}

/** Encodes text as a chunk of an HTTP/1.1 body. */
function chunk(text: string): Uint8Array<ArrayBuffer> {
  const bytes = encoder.encode(text).length;
  return encoder.encode(`${bytes.toString(16)}\r\n${text}\r\n`);
}
