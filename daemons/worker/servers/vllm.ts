import { offeredTools } from "#shared/contracts/tools.ts";
import type { ServerKind, TokenServer } from "./server_kind.ts";
import { generateText, readChunk, readIds, refuseGap, samplingFields } from "./openai_text.ts";
import { isRecord } from "#shared/json.ts";
import type { OpenaiServer } from "./server.ts";

const NAMES = {
  top_k: "top_k",
  min_p: "min_p",
  repetition_penalty: "repetition_penalty",
  grammar: (grammar: string) => ({ structured_outputs: { grammar } }),
};

/** vLLM, whose completions accept token ids and, with `return_token_ids`, return them. */
export function vllm(
  server: OpenaiServer,
  model: string,
  context: number | undefined,
  tellsIds: boolean,
): ServerKind {
  return {
    name: "vllm",
    context,
    vocabularySize: Infinity,
    tokens: tellsIds ? vllmTokens(server, model) : undefined,
    generateText: (request, order) =>
      generateText(server, model, request, samplingFields(request, NAMES), order),
  };
}

function vllmTokens(server: OpenaiServer, model: string): TokenServer {
  return {
    async tokenize(fields, signal) {
      const { prompt, prompt_tokens, messages } = fields;
      refuseGap(fields);
      if (prompt_tokens) return [...prompt_tokens];
      const tools = offeredTools(fields);
      const body = prompt === undefined
        ? {
          messages,
          add_generation_prompt: true,
          add_special_tokens: false,
          ...(tools.length > 0 ? { tools } : {}),
        }
        : { prompt, add_special_tokens: true };
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
