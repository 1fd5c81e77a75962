/** The playground's calls of `/v1/chat/completions`. */
import { ApiError, errorOf, send } from "./api.ts";
import { eventsOf } from "./sse.ts";

/** One turn of a chat. */
export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** A request; for parameters that are left out the service uses its defaults. */
export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly temperature?: number;
  readonly top_p?: number;
  readonly max_tokens?: number;
  readonly seed?: number;
}

/** Figures of an answer; times in ms since the request. */
export interface Figures {
  readonly tokens: number;
  readonly firstMs: number;
  readonly tookMs: number;
  readonly reason: string;
}

interface Chunk {
  readonly choices?: readonly {
    readonly delta?: { readonly content?: string | null };
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: { readonly completion_tokens: number } | null;
  readonly error?: { readonly code: string; readonly message: string };
}

/**
 * Streams an answer.
 *
 * @param onText Called with each piece of text.
 * @throws {ApiError} if the service returns an error, before or within the stream
 */
export async function chat(
  request: ChatRequest,
  onText: (text: string) => void,
  signal: AbortSignal,
): Promise<Figures> {
  const began = performance.now();
  const body = { ...request, stream: true, stream_options: { include_usage: true } };
  const reply = await send("POST", "/v1/chat/completions", { body, signal });
  if (!reply.ok || !reply.body) throw await errorOf(reply);
  let [firstMs, tokens, reason] = [0, 0, "interrupted"];
  for await (const { data } of eventsOf(reply.body)) {
    if (data === "[DONE]") continue;
    const { choices, usage, error } = JSON.parse(data) as Chunk;
    if (error) throw new ApiError(200, error.code, error.message);
    const text = choices?.[0]?.delta?.content;
    if (text) {
      firstMs ||= performance.now() - began;
      onText(text);
    }
    reason = choices?.[0]?.finish_reason ?? reason;
    tokens = usage?.completion_tokens ?? tokens;
  }
  return { tokens, firstMs, tookMs: performance.now() - began, reason };
}
