import type { ServerLoad } from "#shared/contracts/pool.ts";
import type { ExecuteRequest } from "#shared/contracts/request.ts";
import { offeredTools } from "#shared/contracts/tools.ts";
import { invalidRequest, LlorchError } from "#shared/errors.ts";
import {
  continuing,
  findThinking,
  needsChatRoute,
  refuseSwitch,
  type RenderChat,
  switchFields,
  type SwitchNames,
} from "./chat_switches.ts";
import type { ServerKind, TokenServer } from "./server_kind.ts";
import {
  type FieldNames,
  generateText,
  readChunk,
  readIds,
  refuseGap,
  sameOption,
  samplingFields,
} from "./openai_text.ts";
import { isRecord } from "#shared/json.ts";
import type { OpenaiServer } from "./server.ts";

const NAMES = {
  top_k: "top_k",
  min_p: "min_p",
  repetition_penalty: "repetition_penalty",
  grammar: (grammar: string) => ({ structured_outputs: { grammar } }),
  options: {
    ignore_eos: sameOption("ignore_eos"),
    // What was generated before is a part of its prompt.
    min_tokens: ({ min_tokens = 0, resume_tokens }) =>
      Math.max(0, min_tokens - resume_tokens.length),
    stop_token_ids: sameOption("stop_token_ids"),
  },
} satisfies FieldNames;

/** What the server tells about itself. */
interface VllmFacts {
  readonly context: number | undefined;
  /** Whether it returns token ids. */
  readonly tellsIds: boolean;
  /** Fields of chat requests that its description lists: others it would drop without a word. */
  readonly fields: ReadonlySet<string>;
}

/** vLLM, whose completions accept token ids and, with `return_token_ids`, return them. */
export async function vllm(
  server: OpenaiServer,
  model: string,
  { context, tellsIds, fields }: VllmFacts,
  signal: AbortSignal,
): Promise<ServerKind> {
  const tokens = tellsIds ? vllmTokens(server, model) : undefined;
  const render: RenderChat = async (body) => {
    try {
      const reply = await server.post("/tokenize", { model, ...body }, signal);
      const ids = readIds(isRecord(reply) ? reply["tokens"] : undefined);
      return await tokens?.detokenize(ids, signal);
    } catch (error) {
      if (error instanceof LlorchError && error.code !== "WORKER_LOST") return undefined;
      throw error;
    }
  };
  const switches = chatSwitches(fields);
  const thinks = tokens !== undefined && await findThinking(render);
  const isHeld = tokens === undefined || await holdsGrammars(server, model, signal);
  return {
    name: "vllm",
    context,
    vocabularySize: Infinity,
    tokens,
    load: async (signal) => readLoad(await server.text("/metrics", signal)),
    thinks,
    check(request) {
      if (!isHeld && !needsChatRoute(request, thinks)) refuseFormat(request);
    },
    generateText: (request, order) =>
      generateText(server, model, request, samplingFields(request, NAMES), switches, order),
  };
}

/**
 * Whether the server's completions keep to a grammar: with `--reasoning-parser` they do so only after a
 * thought's end, which a plain prompt never has, and say nothing of it.
 */
async function holdsGrammars(
  server: OpenaiServer,
  model: string,
  signal: AbortSignal,
): Promise<boolean> {
  const body = { model, prompt: "a", max_tokens: 4, temperature: 0, ...NAMES.grammar(ONE_WORD) };
  try {
    const piece = readChunk(await server.post("/v1/completions", body, signal));
    return piece?.text.startsWith("n") ?? false;
  } catch (error) {
    // One that refuses grammars will do so by itself.
    if (error instanceof LlorchError && error.code !== "WORKER_LOST") return true;
    throw error;
  }
}

const ONE_WORD = 'root ::= "no"';

/** @throws {LlorchError} `INVALID_REQUEST` if the answer is to have a format */
function refuseFormat(request: ExecuteRequest): void {
  for (const field of ["grammar", "json_schema"] as const) {
    if (request[field] === undefined) continue;
    const message = request.messages === undefined
      ? "is kept only in chats by this vLLM, which runs with --reasoning-parser: send messages"
      : "is kept only where this vLLM, which runs with --reasoning-parser, splits thoughts: leave out " +
        "reasoning_format";
    throw invalidRequest([{ field, message }]);
  }
}

/** The load in vLLM's metrics, the sum of its engines; undefined if they do not have it. */
export function readLoad(metrics: string): ServerLoad | undefined {
  const sum = (name: string) => {
    const values = [
      ...metrics.matchAll(new RegExp(`^vllm:${name}(?:\\{[^}]*\\})? ([0-9.e+]+)$`, "gm")),
    ]
      .map(([, value]) => Number(value));
    return values.length === 0 ? undefined : values.reduce((total, value) => total + value, 0);
  };
  const running = sum("num_requests_running");
  const waiting = sum("num_requests_waiting");
  return running === undefined || waiting === undefined ? undefined : { running, waiting };
}

/** The names that templates have for the switch. */
const NO_THINKING = { enable_thinking: false, thinking: false } as const;

/** Switches of a prompt that its template makes; effort is a variable of the template, as in its chats. */
const TEMPLATE_SWITCHES: SwitchNames = {
  reasoning_effort: ({ reasoning_effort, chat_template_kwargs }) => ({
    chat_template_kwargs: {
      ...chat_template_kwargs,
      ...(reasoning_effort === "none" ? NO_THINKING : { reasoning_effort }),
    },
  }),
  // Without the chat route the text comes as the model writes it.
  reasoning_format: () => ({}),
  chat_template_kwargs: ({ reasoning_effort, chat_template_kwargs }) =>
    reasoning_effort === undefined ? { chat_template_kwargs } : {},
  continue_final_message: ({ continue_final_message }) => continue_final_message ? continuing : {},
};

/** Switches of the chat route that this version knows. */
function chatSwitches(fields: ReadonlySet<string>): SwitchNames {
  return {
    ...TEMPLATE_SWITCHES,
    // gpt-oss's prompt is not made by a template, and has the effort of this field.
    reasoning_effort: (request) => ({
      ...TEMPLATE_SWITCHES.reasoning_effort?.(request),
      ...(fields.has("reasoning_effort") && request.reasoning_effort !== "none"
        ? { reasoning_effort: request.reasoning_effort }
        : {}),
    }),
    // Without a reasoning parser the text is as the model writes it; with one it always splits.
    reasoning_format: ({ reasoning_format }) => reasoning_format === "auto" ? {} : undefined,
    reasoning_budget_tokens: ({ reasoning_budget_tokens }) =>
      fields.has("thinking_token_budget")
        ? { thinking_token_budget: reasoning_budget_tokens }
        : undefined,
  };
}

function vllmTokens(server: OpenaiServer, model: string): TokenServer {
  return {
    async tokenize(fields, signal) {
      const { prompt, prompt_tokens, messages } = fields;
      refuseGap(fields);
      // Its tokenizer always reads control tokens.
      if (fields.special === false) refuseSwitch("special");
      if (prompt_tokens) return [...prompt_tokens];
      const tools = offeredTools(fields);
      const body = prompt === undefined
        ? {
          messages,
          add_generation_prompt: true,
          add_special_tokens: false,
          ...(tools.length > 0 ? { tools } : {}),
          ...switchFields(fields, TEMPLATE_SWITCHES),
        }
        : { prompt, add_special_tokens: fields.add_special ?? true };
      const reply = await server.post("/tokenize", { model, ...body }, signal);
      return readIds(isRecord(reply) ? reply["tokens"] : undefined);
    },
    async detokenize(tokens, signal) {
      const reply = await server.post("/detokenize", { model, tokens }, signal);
      return isRecord(reply) ? String(reply["prompt"] ?? "") : "";
    },
    async *generate(request, { tokens, limit, seed, signal }) {
      const chunks = server.stream("/v1/completions", {
        model,
        prompt: tokens,
        ...samplingFields(request, NAMES),
        max_tokens: limit,
        seed,
        stream: true,
        stream_options: { include_usage: true },
        return_token_ids: true,
      }, signal);
      for await (const chunk of chunks) {
        const piece = readChunk(chunk);
        if (piece) yield piece;
      }
    },
  };
}
