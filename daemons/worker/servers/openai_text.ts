import type { StopReason } from "#shared/contracts/events.ts";
import { type ExecuteRequest, isTokenId } from "#shared/contracts/request.ts";
import { changedSampling, type SamplingOption } from "#shared/contracts/sampling.ts";
import type { ToolCall } from "#shared/contracts/tools.ts";
import { type FieldError, invalidRequest, LlorchError } from "#shared/errors.ts";
import type { Piece, TextOrder, Usage } from "./server_kind.ts";
import { defined, isRecord } from "#shared/json.ts";
import { refuseSwitch, switchFields, type SwitchNames } from "./chat_switches.ts";
import type { OpenaiServer } from "./server.ts";

/** llorch's defaults of fields beyond OpenAI's API; not sent to servers without these fields. */
const BEYOND_OPENAI = { top_k: 40, min_p: 0.05, repetition_penalty: 1 } as const;

/** A server's names of fields beyond OpenAI's API; fields without a name are refused. */
export interface FieldNames {
  readonly top_k?: string;
  readonly min_p?: string;
  readonly repetition_penalty?: string;
  readonly grammar?: (grammar: string) => Record<string, unknown>;
  /** The values of further options, which have the same names there; undefined: it cannot do this one. */
  readonly options?: {
    readonly [Name in SamplingOption]?: (request: ExecuteRequest) => unknown;
  };
}

/** Sends an option as it is. */
export function sameOption(name: SamplingOption): (request: ExecuteRequest) => unknown {
  return (request) => request[name];
}

/**
 * Converts the sampling of a request to OpenAI's fields.
 *
 * @throws {LlorchError} `INVALID_REQUEST` that names fields which the server does not know
 */
export function samplingFields(
  request: ExecuteRequest,
  names: FieldNames,
): Record<string, unknown> {
  const { temperature, top_p, frequency_penalty, presence_penalty, logit_bias } = request;
  const body: Record<string, unknown> = {
    temperature,
    top_p,
    frequency_penalty,
    presence_penalty,
    ...(logit_bias ? { logit_bias } : {}),
  };
  const errors: FieldError[] = [];
  const refuse = (field: string) =>
    errors.push({ field, message: "is not known to the engine that serves this model" });
  for (const key of Object.keys(logit_bias ?? {})) if (!isTokenId(key)) refuse(`logit_bias.${key}`);
  for (const field of ["top_k", "min_p", "repetition_penalty"] as const) {
    const name = names[field];
    if (name !== undefined) body[name] = request[field];
    else if (request[field] !== BEYOND_OPENAI[field]) refuse(field);
  }
  for (const option of changedSampling(request)) {
    const value = names.options?.[option]?.(request);
    if (value === undefined) refuse(option);
    else body[option] = value;
  }
  if (request.grammar !== undefined) {
    if (names.grammar) Object.assign(body, names.grammar(request.grammar));
    else refuse("grammar");
  }
  if (request.logprobs !== undefined) refuse("logprobs");
  if (request.post_sampling_probs === true) refuse("post_sampling_probs");
  if (request.lora !== undefined) refuse("lora");
  if (errors.length > 0) throw invalidRequest(errors);
  if (request.json_schema !== undefined) {
    const strict = request.json_schema_strict ?? true;
    body["response_format"] = {
      type: "json_schema",
      json_schema: { name: "answer", schema: request.json_schema, strict },
    };
  }
  return body;
}

/**
 * Refuses a gap for a server that computes with tokens: only it knows which of them mark a gap.
 *
 * @throws {LlorchError} `INVALID_REQUEST` if the request has a suffix
 */
export function refuseGap({ suffix }: { readonly suffix?: string | undefined }): void {
  if (suffix === undefined) return;
  const message = "is not known to the engine that serves this model";
  throw invalidRequest([{ field: "suffix", message }]);
}

/**
 * Generates text without token ids by `/v1/chat/completions` or `/v1/completions`.
 *
 * @throws {LlorchError} `INVALID_REQUEST` that names a switch which the server cannot honour
 */
export async function* generateText(
  server: OpenaiServer,
  model: string,
  request: ExecuteRequest,
  sampling: Readonly<Record<string, unknown>>,
  switches: SwitchNames,
  { limit, seed, signal }: TextOrder,
): AsyncGenerator<Piece> {
  const { prompt, prompt_tokens, messages, suffix } = request;
  if (request.special === true) refuseSwitch("special");
  const body = {
    model,
    ...sampling,
    seed,
    stream: true,
    stream_options: { include_usage: true },
    ...defined({ max_tokens: limit }),
  };
  const { tools, tool_choice, parallel_tool_calls } = request;
  const offered = Object.entries({ tools, tool_choice, parallel_tool_calls })
    .filter(([, value]) => value !== undefined);
  const chunks = messages
    ? server.stream(
      "/v1/chat/completions",
      { ...body, messages, ...Object.fromEntries(offered), ...switchFields(request, switches) },
      signal,
    )
    : server.stream("/v1/completions", {
      ...body,
      prompt: prompt ?? prompt_tokens,
      ...defined({ suffix }),
    }, signal);
  const calls: CallParts[] = [];
  for await (const chunk of chunks) {
    const piece = readChunk(chunk, calls);
    if (piece) yield piece;
  }
}

/** A tool call that arrives in pieces. */
interface CallParts {
  id: string;
  name: string;
  arguments: string;
}

/** Reads one chunk of either route; undefined if it has no content. */
export function readChunk(chunk: unknown, calls: CallParts[] = []): Piece | undefined {
  if (!isRecord(chunk)) throw new LlorchError("INTERNAL", "The engine sent an invalid chunk");
  const usage = readUsage(chunk["usage"]);
  const choices = Array.isArray(chunk["choices"]) ? chunk["choices"] : [];
  const choice = isRecord(choices[0]) ? choices[0] : {};
  const delta = isRecord(choice["delta"]) ? choice["delta"] : {};
  const parts = Array.isArray(delta["tool_calls"]) ? delta["tool_calls"] : [];
  const callParts = parts.flatMap((part) => addCall(calls, part));
  // vLLM calls it reasoning, and called it reasoning_content before.
  const reasoning = String(delta["reasoning_content"] ?? delta["reasoning"] ?? "");
  const text = String(delta["content"] ?? choice["text"] ?? "");
  const ids = readIds(choice["token_ids"] ?? delta["token_ids"]);
  const stop = readFinish(choice["finish_reason"], calls.length > 0);
  const isEmpty = text === "" && reasoning === "" && ids.length + callParts.length === 0;
  if (isEmpty && !stop && !usage) return undefined;
  return {
    text,
    ids,
    ...(reasoning === "" ? {} : { reasoning }),
    ...(callParts.length > 0 ? { callParts } : {}),
    ...(stop ? { stop } : {}),
    ...(usage ? { usage } : {}),
    ...(stop && calls.length > 0 ? { toolCalls: calls.map(wholeCall) } : {}),
  };
}

/** Adds a part to its call; returns what is new of it once the name is known. */
function addCall(calls: CallParts[], part: unknown): NonNullable<Piece["callParts"]> {
  if (!isRecord(part)) return [];
  const index = Number(part["index"] ?? calls.length);
  const isNew = (calls[index]?.name ?? "") === "";
  const call = calls[index] ??= { id: "", name: "", arguments: "" };
  if (typeof part["id"] === "string") call.id ||= part["id"];
  const piece = isRecord(part["function"]) ? part["function"] : {};
  if (typeof piece["name"] === "string" && isNew) call.name = piece["name"];
  const more = typeof piece["arguments"] === "string" ? piece["arguments"] : "";
  call.arguments += more;
  if (call.name === "") return [];
  if (!isNew) return more === "" ? [] : [{ index, arguments: more }];
  const { id, function: { name } } = wholeCall(call, index);
  return [{ index, id, name, arguments: call.arguments }];
}

function wholeCall(call: CallParts, index: number): ToolCall {
  const { name, arguments: given } = call;
  return { id: call.id || `call_${index}`, type: "function", function: { name, arguments: given } };
}

function readFinish(reason: unknown, hasCalls: boolean): StopReason | undefined {
  if (reason === null || reason === undefined) return undefined;
  // A call that was cut is told as far as it came.
  if (hasCalls && reason !== "length") return "TOOL_CALLS";
  if (reason === "stop" || reason === "tool_calls") return "EOS";
  if (reason === "length") return "MAX_TOKENS";
  throw new LlorchError("INTERNAL", `The engine ended the answer: "${String(reason)}"`);
}

function readUsage(usage: unknown): Usage | undefined {
  if (!isRecord(usage)) return undefined;
  const details = isRecord(usage["prompt_tokens_details"]) ? usage["prompt_tokens_details"] : {};
  const made = usage["completion_tokens_details"];
  const figures = {
    tokensIn: usage["prompt_tokens"],
    tokensOut: usage["completion_tokens"],
    tokensCached: details["cached_tokens"],
    reasoning: isRecord(made) ? made["reasoning_tokens"] : undefined,
  };
  return Object.fromEntries(
    Object.entries(figures).filter(([, value]) => Number.isSafeInteger(value)),
  );
}

/** The token ids in a value; empty if it is not a list. */
export function readIds(value: unknown): number[] {
  return Array.isArray(value) ? value.filter((id) => Number.isSafeInteger(id)) : [];
}
