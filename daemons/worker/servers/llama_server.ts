import type { ChosenLogprob } from "#shared/contracts/events.ts";
import { type ExecuteRequest, isTokenId } from "#shared/contracts/request.ts";
import { SAMPLING_OPTIONS, type SamplingOption } from "#shared/contracts/sampling.ts";
import { offeredTools } from "#shared/contracts/tools.ts";
import { invalidRequest, LlorchError } from "#shared/errors.ts";
import type { PromptFields } from "../answers/prompt.ts";
import { checkGrammar } from "../grammar/check_grammar.ts";
import {
  asIs,
  type ChatSwitches,
  continuing,
  endsWithAnswer,
  findThinking,
  refuseSwitch,
  switchFields,
  type SwitchNames,
} from "./chat_switches.ts";
import type { Piece, ServerKind, TextOrder, TokenServer } from "./server_kind.ts";
import {
  type FieldNames,
  generateText,
  readIds,
  refuseGap,
  sameOption,
  samplingFields,
} from "./openai_text.ts";
import { defined, isRecord } from "#shared/json.ts";
import type { OpenaiServer } from "./server.ts";

/** Options that it does not know. */
const ABSENT: readonly SamplingOption[] = ["min_tokens", "stop_token_ids"];

/** @param context Tokens of a slot; undefined: not known. */
function namesOf(context: number | undefined): FieldNames {
  const known = SAMPLING_OPTIONS.filter((name) => !ABSENT.includes(name));
  // Newer versions take no -1, which means the whole context.
  const window = (name: "repeat_last_n" | "dry_penalty_last_n") => (request: ExecuteRequest) =>
    request[name] === -1 ? context : request[name];
  return {
    top_k: "top_k",
    min_p: "min_p",
    repetition_penalty: "repeat_penalty",
    grammar: (grammar: string) => ({ grammar }),
    options: {
      ...Object.fromEntries(known.map((name) => [name, sameOption(name)])),
      repeat_last_n: window("repeat_last_n"),
      dry_penalty_last_n: window("dry_penalty_last_n"),
    },
  };
}

/**
 * llama.cpp's own server. It uses `/completion`, which accepts and returns tokens; the OpenAI
 * routes of llama-server do not.
 *
 * @param props Its reply to `GET /props`.
 */
export async function llamaServer(
  server: OpenaiServer,
  model: string,
  props: Record<string, unknown>,
  vocabularySize: number,
  signal: AbortSignal,
): Promise<ServerKind> {
  const settings = props["default_generation_settings"];
  const modalities = props["modalities"];
  const context = isRecord(settings) ? Number(settings["n_ctx"]) || undefined : undefined;
  const names = namesOf(context);
  return {
    name: "llama-server",
    context,
    vocabularySize,
    tokens: llamaTokens(server, names),
    // Versions before vision had no modalities.
    vision: isRecord(modalities) && modalities["vision"] === true,
    template: {
      chat_template: String(props["chat_template"] ?? ""),
      bos_token: String(props["bos_token"] ?? ""),
      eos_token: String(props["eos_token"] ?? ""),
    },
    thinks: await findThinking((body) => applyTemplate(server, body, signal)),
    check({ grammar, messages }) {
      // A grammar that would crash our llama.cpp would also crash this one.
      if (grammar !== undefined) checkGrammar(grammar, "grammar", "any");
      refuseWebp(messages);
    },
    infill: (request, order) => infill(server, names, request, order),
    generateText: (request, order) =>
      generateText(server, model, request, samplingFields(request, names), CHAT_SWITCHES, order),
  };
}

/**
 * Refuses WebP: llama-server would start ffmpeg with it, where that is installed.
 *
 * @throws {LlorchError} `INVALID_REQUEST`
 */
function refuseWebp(messages: ExecuteRequest["messages"]): void {
  for (const [index, { content }] of (messages ?? []).entries()) {
    if (typeof content === "string") continue;
    const at = content.findIndex((part) =>
      part.type === "image_url" && part.image_url.url.startsWith("data:image/webp")
    );
    if (at < 0) continue;
    const message = "the server of this model reads no WebP: send PNG, JPEG, GIF or BMP";
    throw invalidRequest([{ field: `messages.${index}.content.${at}`, message }]);
  }
}

/** Switches of a prompt that its template makes. */
const TEMPLATE_SWITCHES: SwitchNames = {
  reasoning_effort: asIs("reasoning_effort"),
  // Without the chat route the text comes as the model writes it.
  reasoning_format: () => ({}),
  chat_template_kwargs: asIs("chat_template_kwargs"),
  // It continues an answer in any case.
  continue_final_message: ({ continue_final_message, messages }) =>
    continue_final_message ? continuing : endsWithAnswer(messages) ? undefined : {},
};

/** Switches of the chat route. */
const CHAT_SWITCHES: SwitchNames = {
  ...TEMPLATE_SWITCHES,
  reasoning_format: asIs("reasoning_format"),
  // Older versions know the second.
  reasoning_budget_tokens: ({ reasoning_budget_tokens }) => ({
    reasoning_budget_tokens,
    thinking_budget_tokens: reasoning_budget_tokens,
  }),
};

/** The prompt that the model's template makes of a chat; undefined if it refuses the chat. */
async function applyTemplate(
  server: OpenaiServer,
  body: Record<string, unknown>,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const reply = await server.post("/apply-template", body, signal);
    return isRecord(reply) ? String(reply["prompt"] ?? "") : "";
  } catch (error) {
    if (error instanceof LlorchError && error.code !== "WORKER_LOST") return undefined;
    throw error;
  }
}

/** `/infill` puts the model's tokens for the middle around the texts; it takes no ids to go on from. */
async function* infill(
  server: OpenaiServer,
  names: FieldNames,
  request: ExecuteRequest,
  { limit, seed, signal }: TextOrder,
): AsyncGenerator<Piece> {
  if (request.logprobs !== undefined) refuseSwitch("logprobs");
  const chunks = server.stream("/infill", {
    input_prefix: request.prompt,
    input_suffix: request.suffix,
    ...completionFields(request, names),
    ...defined({ n_predict: limit }),
    seed,
  }, signal);
  for await (const chunk of chunks) {
    if (isRecord(chunk)) yield { ...readCompletion(chunk, undefined), ids: [] };
  }
}

/** Fields of `/completion` and `/infill`. */
function completionFields(
  request: ExecuteRequest,
  names: FieldNames,
): Record<string, unknown> {
  const { logprobs, json_schema, post_sampling_probs, logit_bias, ...rest } = request;
  const sampling = samplingFields(rest as ExecuteRequest, names);
  return {
    ...sampling,
    ...(logit_bias
      ? {
        logit_bias: Object.entries(logit_bias).map((
          [key, bias],
        ) => [isTokenId(key) ? Number(key) : key, bias]),
      }
      : {}),
    ...defined({ json_schema }),
    ...(logprobs === undefined ? {} : { n_probs: Math.max(1, logprobs) }),
    ...(post_sampling_probs === true ? { post_sampling_probs } : {}),
    ...(request.prompt_progress ? { return_progress: true } : {}),
    stream: true,
    return_tokens: true,
    cache_prompt: true,
  };
}

/** How llama-server tokenizes a text. */
interface TokenizeOptions {
  readonly add_special: boolean;
  readonly parse_special: boolean;
}

function llamaTokens(server: OpenaiServer, names: FieldNames): TokenServer {
  async function tokenizeText(
    content: string,
    options: TokenizeOptions,
    signal: AbortSignal,
  ): Promise<number[]> {
    const reply = await server.post("/tokenize", { content, ...options }, signal);
    return readIds(isRecord(reply) ? reply["tokens"] : undefined);
  }

  async function render(
    fields: PromptFields & ChatSwitches,
    signal: AbortSignal,
  ): Promise<string> {
    const tools = offeredTools(fields);
    const reply = await server.post("/apply-template", {
      messages: fields.messages,
      ...(tools.length > 0 ? { tools } : {}),
      ...switchFields(fields, TEMPLATE_SWITCHES),
    }, signal);
    return isRecord(reply) ? String(reply["prompt"] ?? "") : "";
  }

  /** The text of a prompt, and how it is tokenized. */
  async function textOf(
    fields: PromptFields & ChatSwitches,
    signal: AbortSignal,
  ): Promise<{ readonly content: string; readonly options: TokenizeOptions }> {
    const { prompt, special = false, add_special = true } = fields;
    if (prompt !== undefined) {
      return { content: prompt, options: { add_special, parse_special: special } };
    }
    const options = { add_special: true, parse_special: true };
    return { content: await render(fields, signal), options };
  }

  async function detokenize(tokens: readonly number[], signal: AbortSignal): Promise<string> {
    const reply = await server.post("/detokenize", { tokens }, signal);
    return isRecord(reply) ? String(reply["content"] ?? "") : "";
  }

  /**
   * Tokens of a piece of text: for a character of several tokens the server returns only the last.
   */
  async function idsOf(text: string, last: number, signal: AbortSignal): Promise<number[]> {
    const options = { add_special: false, parse_special: false };
    const all = await tokenizeText(text, options, signal);
    // Some tokenizers put a space before any text.
    for (const ids of [all, all.slice(1)]) {
      if (ids.at(-1) === last && await detokenize(ids, signal) === text) return ids;
    }
    throw new LlorchError(
      "INTERNAL",
      "The engine does not return all tokens of a character",
    );
  }

  return {
    async tokenize(fields: PromptFields & ChatSwitches, signal) {
      refuseGap(fields);
      if (fields.prompt_tokens) return [...fields.prompt_tokens];
      const { content, options } = await textOf(fields, signal);
      return await tokenizeText(content, options, signal);
    },
    async pieces(fields, signal) {
      refuseGap(fields);
      const { content, options } = await textOf(fields, signal);
      const body = { content, ...options, with_pieces: true };
      const reply = await server.post("/tokenize", body, signal);
      const list = isRecord(reply) && Array.isArray(reply["tokens"]) ? reply["tokens"] : [];
      const found = list.filter(isRecord);
      return {
        tokens: readIds(found.map(({ id }) => id)),
        pieces: found.map(({ piece }) => Array.isArray(piece) ? readIds(piece) : String(piece)),
      };
    },
    detokenize,
    render,
    async *generate(request: ExecuteRequest, { tokens, limit, seed, signal }) {
      const { logprobs } = request;
      let predictedBefore = 0;
      const chunks = server.stream("/completion", {
        prompt: tokens,
        ...completionFields(request, names),
        n_predict: limit,
        seed,
      }, signal);
      for await (const chunk of chunks) {
        if (!isRecord(chunk)) continue;
        const piece = readCompletion(chunk, logprobs);
        const predicted = Number(chunk["tokens_predicted"] ?? 0);
        const isGap = piece.text !== "" && predicted - predictedBefore > piece.ids.length;
        predictedBefore = predicted;
        yield isGap
          ? { ...piece, ids: await idsOf(piece.text, piece.ids.at(-1) ?? -1, signal) }
          : piece;
      }
    },
  };
}

/** Reads one chunk of `/completion`. */
export function readCompletion(
  chunk: Record<string, unknown>,
  logprobs: number | undefined,
): Piece {
  const text = String(chunk["content"] ?? "");
  const ids = readIds(chunk["tokens"]);
  const odds = logprobs === undefined ? [] : readOdds(chunk["completion_probabilities"], logprobs);
  const prompt = readProgress(chunk["prompt_progress"]);
  const piece = {
    ...{ text, ids },
    ...(odds.length > 0 ? { logprobs: odds } : {}),
    ...defined({ prompt }),
  };
  if (chunk["stop"] !== true) return piece;
  const timings = isRecord(chunk["timings"]) ? chunk["timings"] : {};
  return {
    ...piece,
    stop: chunk["stop_type"] === "eos" ? "EOS" : "MAX_TOKENS",
    usage: {
      tokensIn: Number(chunk["tokens_evaluated"] ?? 0),
      tokensCached: Number(timings["cache_n"] ?? 0),
    },
  };
}

function readProgress(value: unknown): Piece["prompt"] {
  if (!isRecord(value)) return undefined;
  const count = (name: string) => Number(value[name] ?? 0);
  return { done: count("processed"), total: count("total"), cached: count("cache") };
}

/** The contract's logarithm of probability 0, since JSON has no minus infinity. */
const IMPOSSIBLE = -9999;

/** Probabilities after sampling are `prob` and `top_probs`, not logarithms. */
function readOdds(value: unknown, top: number): ChosenLogprob[] {
  const list = Array.isArray(value) ? value.filter(isRecord) : [];
  const one = (odds: Record<string, unknown>) => {
    const t = String(odds["token"] ?? "");
    const logprob = odds["logprob"] ?? Math.log(Number(odds["prob"] ?? 0));
    return {
      id: Number(odds["id"]),
      t,
      ...(t.includes("\ufffd") ? { bytes: readIds(odds["bytes"]) } : {}),
      logprob: Math.max(IMPOSSIBLE, Number(logprob)),
    };
  };
  return list.map((odds) => {
    const tops = odds["top_logprobs"] ?? odds["top_probs"];
    const others = Array.isArray(tops) ? tops.filter(isRecord) : [];
    return { ...one(odds), top: others.slice(0, top).map(one) };
  });
}
