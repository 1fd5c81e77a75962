/** The playground's calls of `/v1/chat/completions`. */
import { ApiError, errorOf, send } from "./api.ts";
import { type Content, textOf } from "./media.ts";
import { eventsOf } from "./sse.ts";

/** One turn of a chat; `tool`: the result of a call. */
export interface Message {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: Content;
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly Call[];
  readonly tool_call_id?: string;
}

/** A call of a function, perhaps only its beginning. */
export interface Call {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
}

/** A request; for parameters that are left out the service uses its defaults. */
export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly tools?: readonly unknown[];
  readonly reasoning_effort?: string;
  readonly temperature?: number;
  readonly top_p?: number;
  readonly max_tokens?: number;
  readonly seed?: number;
  /** Further options, as a person wrote them. */
  readonly [option: string]: unknown;
}

/** What an event of the stream adds to the answer. */
export interface Delta {
  readonly content?: string | null;
  readonly reasoning_content?: string | null;
  readonly tool_calls?: readonly {
    readonly index: number;
    readonly id?: string;
    readonly function: { readonly name?: string; readonly arguments: string };
  }[];
}

/** Figures of an answer; times in ms since the request. */
export interface Figures {
  readonly tokens: number;
  /** Tokens of thinking among them. */
  readonly thinking?: number;
  readonly firstMs: number;
  readonly tookMs: number;
  readonly reason: string;
}

interface Chunk {
  readonly choices?: readonly {
    readonly delta?: Delta;
    readonly finish_reason?: string | null;
  }[];
  readonly usage?: {
    readonly completion_tokens: number;
    readonly completion_tokens_details?: { readonly reasoning_tokens: number };
  } | null;
  readonly error?: { readonly code: string; readonly message: string };
}

/**
 * Streams an answer.
 *
 * @param onDelta Called with each piece of it.
 * @throws {ApiError} if the service returns an error, before or within the stream
 */
export async function chat(
  request: ChatRequest,
  onDelta: (delta: Delta) => void,
  signal: AbortSignal,
): Promise<Figures> {
  const began = performance.now();
  const body = { ...request, stream: true, stream_options: { include_usage: true } };
  const reply = await send("POST", "/v1/chat/completions", { body, signal });
  if (!reply.ok || !reply.body) throw await errorOf(reply);
  let [firstMs, tokens, thinking, reason] = [0, 0, 0, "interrupted"];
  for await (const { data } of eventsOf(reply.body)) {
    if (data === "[DONE]") continue;
    const { choices, usage, error } = JSON.parse(data) as Chunk;
    if (error) throw new ApiError(200, error.code, error.message);
    const delta = choices?.[0]?.delta;
    if (delta && (delta.content || delta.reasoning_content || delta.tool_calls)) {
      firstMs ||= performance.now() - began;
      onDelta(delta);
    }
    reason = choices?.[0]?.finish_reason ?? reason;
    tokens = usage?.completion_tokens ?? tokens;
    thinking = usage?.completion_tokens_details?.reasoning_tokens ?? thinking;
  }
  return { tokens, thinking, firstMs, tookMs: performance.now() - began, reason };
}

/** The assistant's turn with a further piece of its answer. */
export function grown(turn: Message, delta: Delta): Message {
  const thoughts = (turn.reasoning_content ?? "") + (delta.reasoning_content ?? "");
  const calls = [...turn.tool_calls ?? []];
  for (const { index, id, function: { name, arguments: text } } of delta.tool_calls ?? []) {
    const known = calls[index]?.function;
    calls[index] = {
      id: calls[index]?.id ?? id ?? "",
      type: "function",
      function: { name: known?.name ?? name ?? "", arguments: (known?.arguments ?? "") + text },
    };
  }
  return {
    role: "assistant",
    content: textOf(turn.content) + (delta.content ?? ""),
    ...(thoughts === "" ? {} : { reasoning_content: thoughts }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

/** The calls of the last answer that have no result yet. */
export function openCalls(messages: readonly Message[]): readonly Call[] {
  const asked = messages.findLastIndex(({ role }) => role !== "tool");
  const results = new Set(messages.slice(asked + 1).map(({ tool_call_id }) => tool_call_id));
  return (messages[asked]?.tool_calls ?? []).filter(({ id }) => !results.has(id));
}
