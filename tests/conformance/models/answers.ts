import { isRecord } from "#shared/json.ts";

/** Data of a token event, as a worker and `/v2` send it. */
export interface TokenData {
  readonly t: string;
  readonly i: number;
  readonly ids?: readonly number[];
  readonly channel?: string;
  readonly call?: { readonly index: number; readonly id?: string; readonly name?: string };
}

/** An answer, put together from its events or from a reply. */
export interface Answer {
  readonly reasoning: string;
  readonly content: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
  /** Why it ended: `EOS`, `TOOL_CALLS`, … or OpenAI's words. */
  readonly reason: string;
  /** Pieces in which thought and each call's arguments came; none where they came only at the end. */
  readonly pieces: { readonly reasoning: number; readonly calls: readonly number[] };
}

/** An event with its data read. */
export interface RawEvent {
  readonly event: string;
  readonly data: unknown;
}

/** Reads the events of a worker or of `/v2`. */
export function fromEvents(events: readonly RawEvent[]): Answer {
  const last = events.at(-1);
  if (last?.event !== "end" || !isRecord(last.data)) {
    throw new Error(`The answer ended with ${JSON.stringify(last)}`);
  }
  const tokens = tokensOf(events);
  const of = (channel: string | undefined) => tokens.filter((each) => each.channel === channel);
  const streamed: { name: string; parts: string[] }[] = [];
  for (const { call, t } of of("call")) {
    if (!call) throw new Error("An event of the channel call names none");
    const one = streamed[call.index] ??= { name: call.name ?? "", parts: [] };
    if (t !== "") one.parts.push(t);
  }
  const whole = (Array.isArray(last.data["tool_calls"]) ? last.data["tool_calls"] : []) as {
    readonly function: { readonly name: string; readonly arguments: string };
  }[];
  const joined = streamed.map(({ name, parts }) => ({ name, arguments: parts.join("") }));
  const calls = whole.map(({ function: { name, arguments: text } }) => ({ name, arguments: text }));
  if (streamed.length > 0 && JSON.stringify(joined) !== JSON.stringify(calls)) {
    throw new Error(
      `${JSON.stringify(joined)} was streamed, and ${JSON.stringify(calls)} at the end`,
    );
  }
  return {
    reasoning: textOf(of("reasoning")),
    content: textOf(of(undefined)),
    calls,
    reason: String(last.data["stop_reason"]),
    pieces: {
      reasoning: of("reasoning").length,
      calls: streamed.map(({ parts }) => parts.length),
    },
  };
}

/** The token events of some events. */
export function tokensOf(events: readonly RawEvent[]): TokenData[] {
  return events.filter(({ event }) => event === "token").map(({ data }) => data as TokenData);
}

const textOf = (tokens: readonly TokenData[]) => tokens.map(({ t }) => t).join("");

/** A message of `/v1/chat/completions`, whole or of deltas put together. */
interface OpenaiMessage {
  readonly content?: string | null;
  readonly reasoning_content?: string | null;
  readonly tool_calls?: readonly {
    readonly index?: number;
    readonly function: { readonly name?: string; readonly arguments?: string };
  }[];
}

/** Reads a reply of `/v1/chat/completions`. */
export function fromReply(reply: unknown): Answer {
  const [choice] = (reply as {
    readonly choices: readonly {
      readonly message: OpenaiMessage;
      readonly finish_reason: string;
    }[];
  }).choices;
  if (!choice) throw new Error(`The reply has no choice: ${JSON.stringify(reply)}`);
  const { message, finish_reason } = choice;
  return {
    reasoning: message.reasoning_content ?? "",
    content: message.content ?? "",
    calls: (message.tool_calls ?? []).map(({ function: { name = "", arguments: text = "" } }) => ({
      name,
      arguments: text,
    })),
    reason: finish_reason,
    pieces: { reasoning: 0, calls: [] },
  };
}

/** Reads the chunks of a streamed reply of `/v1/chat/completions`. */
export function fromChunks(chunks: readonly unknown[]): Answer {
  let [reasoning, content, reason] = ["", "", ""];
  let thoughts = 0;
  const calls: { name: string; parts: string[] }[] = [];
  for (const chunk of chunks) {
    const [choice] = (chunk as {
      readonly choices: readonly {
        readonly delta: OpenaiMessage;
        readonly finish_reason: string | null;
      }[];
    }).choices;
    if (!choice) continue;
    reason = choice.finish_reason ?? reason;
    const { delta } = choice;
    content += delta.content ?? "";
    reasoning += delta.reasoning_content ?? "";
    if (delta.reasoning_content) thoughts++;
    for (const { index = 0, function: { name, arguments: text } } of delta.tool_calls ?? []) {
      const call = calls[index] ??= { name: name ?? "", parts: [] };
      if (text) call.parts.push(text);
    }
  }
  return {
    ...{ reasoning, content, reason },
    calls: calls.map(({ name, parts }) => ({ name, arguments: parts.join("") })),
    pieces: { reasoning: thoughts, calls: calls.map(({ parts }) => parts.length) },
  };
}
