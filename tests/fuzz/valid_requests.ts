import { orchestratorRoutes as r, type Route } from "#shared/contracts/mod.ts";

/** A request that is answered, of which a test makes almost valid ones. */
export interface ValidRequest {
  readonly route: Route;
  /** Another path under which the route is found. */
  readonly path?: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const model = "counter";
const schema = { type: "object", properties: { a: { type: "integer", minimum: 1 } } };
const described = { name: "find", description: "Finds", parameters: schema };
const tools = [{ type: "function", function: described }];
const turn = [{ role: "user", content: "w0" }];

/** The header of a PNG of 8 by 8 pixels. */
const PNG = Uint8Array.from([
  ...[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52],
  ...[0, 0, 0, 8, 0, 0, 0, 8, 8, 2, 0, 0, 0],
]).toBase64();
const image = `data:image/png;base64,${PNG}`;

/** A conversation with all that `/v1/chat/completions` takes. */
const conversation = [
  { role: "system", content: "w1" },
  { role: "user", content: [{ type: "text", text: "w2" }] },
  {
    role: "assistant",
    content: null,
    reasoning_content: "hm",
    tool_calls: [{ id: "c", type: "function", function: { name: "find", arguments: '{"a":1}' } }],
  },
  { role: "tool", tool_call_id: "c", content: "found" },
  { role: "user", content: "w0" },
];

const sampling = { temperature: 0.5, top_p: 0.9, seed: 3 };

const moreSampling = {
  ...{ typical_p: 0.9, top_n_sigma: 2, xtc_probability: 0.5, dynatemp_range: 0.2, min_tokens: 1 },
  ...{ dry_multiplier: 0.8, dry_sequence_breakers: ["\n"], samplers: ["dry", "top_k", "temp"] },
};

const openaiSampling = {
  ...{ ...sampling, top_k: 7, min_p: 0.1, stop: ["a", "b"], logit_bias: { "1": 2 }, n: 2 },
  ...{ frequency_penalty: 0.1, presence_penalty: 0.1, repeat_penalty: 1.1, max_tokens: 3 },
  ...moreSampling,
};

const options = {
  ...{ ...sampling, num_predict: 3, num_ctx: 4096, top_k: 7, stop: ["a"], repeat_penalty: 1.1 },
  ...{ mirostat: 0, repeat_last_n: -1, ...moreSampling },
};

/**
 * A request of each route of other vendors' APIs that takes a body, a parameter or a query, several of
 * those with many shapes.
 */
export const VALID_REQUESTS: readonly ValidRequest[] = [
  {
    route: r.chat,
    body: {
      ...{ model, messages: conversation, tools, tool_choice: "auto", ...openaiSampling },
      ...{ parallel_tool_calls: true, logprobs: true, top_logprobs: 2, reasoning_effort: "low" },
      ...{ stream: true, stream_options: { include_usage: true }, user: "u" },
      ...{ chat_template_kwargs: { enable_thinking: false }, metadata: { a: "b" } },
    },
  },
  {
    route: r.chat,
    path: "/chat/completions",
    body: {
      ...{ model, messages: turn, max_completion_tokens: 2 },
      response_format: { type: "json_schema", json_schema: { name: "n", strict: true, schema } },
    },
  },
  {
    route: r.chat,
    body: {
      ...{ model, max_tokens: 2 },
      messages: [{
        role: "user",
        content: [
          { type: "image_url", image_url: { url: image, detail: "auto" } },
          { type: "text", text: "w0" },
        ],
      }],
    },
  },
  {
    route: r.completions,
    body: { model, prompt: ["w0", "w1"], ...openaiSampling, logprobs: 2, stream: true },
  },
  { route: r.completions, body: { model, prompt: "w0", suffix: "w2", echo: true, max_tokens: 0 } },
  { route: r.embeddings, body: { model, input: ["w0", "w1"], encoding_format: "float" } },
  { route: r.embeddings, body: { model, input: [[1], [2]], dimensions: 1 } },
  {
    route: r.rank,
    body: { model, query: "q", documents: ["a", { text: "b" }], top_n: 1, return_documents: true },
  },
  { route: r.rank, path: "/rerank", body: { query: "q", texts: ["a", "b"], return_text: true } },
  { route: r.rank, path: "/v2/rerank", body: { model, query: "q", documents: ["a"], top_n: 1 } },
  { route: r.rank, path: "/reranking", body: { model, query: "q", documents: ["a"] } },
  {
    route: r.respond,
    body: {
      ...{ model, instructions: "w1", max_output_tokens: 3, ...sampling, stream: true },
      input: [
        { type: "message", role: "developer", content: [{ type: "input_text", text: "w1" }] },
        { role: "user", content: "w2" },
        { type: "reasoning", id: "rs_1", summary: [], content: [] },
        { type: "function_call", id: "fc_1", call_id: "c", name: "find", arguments: "{}" },
        { type: "function_call_output", call_id: "c", output: "found" },
        {
          ...{ type: "message", role: "assistant", id: "msg_1", status: "completed" },
          content: [{ type: "output_text", text: "w3", annotations: [] }],
        },
        { role: "user", content: "w0" },
      ],
      tools: [{ type: "function", ...described, strict: false }, { type: "web_search" }],
      ...{ tool_choice: "auto", parallel_tool_calls: false, store: false, top_logprobs: 1 },
      ...{ text: { verbosity: "low" }, reasoning: { effort: "low", summary: "auto" } },
      ...{ include: ["reasoning.encrypted_content"], metadata: { a: "b" }, truncation: "auto" },
    },
  },
  {
    route: r.respond,
    body: {
      ...{ model, input: "w0", max_output_tokens: 2, background: true },
      text: { format: { type: "json_schema", name: "n", schema, strict: true } },
    },
  },
  {
    route: r.respond,
    body: {
      ...{ model, max_output_tokens: 2 },
      input: [{
        role: "user",
        content: [
          { type: "input_image", image_url: image, detail: "low" },
          { type: "input_text", text: "w0" },
        ],
      }],
    },
  },
  { route: r.respond, body: { model, input: "w0", previous_response_id: "resp_1" } },
  {
    route: r.getResponse,
    params: { id: "resp_1" },
    query: { stream: "true", starting_after: "1" },
  },
  { route: r.cancelResponse, params: { id: "resp_1" } },
  { route: r.deleteResponse, params: { id: "resp_1" } },
  {
    route: r.responseInput,
    params: { id: "resp_1" },
    query: { order: "asc", limit: "2", after: "msg_1" },
  },
  {
    route: r.messages,
    body: {
      ...{ model, max_tokens: 3, ...sampling, top_k: 7, stop_sequences: ["a"], stream: true },
      system: [{ type: "text", text: "w1", cache_control: { type: "ephemeral" } }],
      messages: [
        { role: "user", content: [{ type: "text", text: "w2" }] },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "hm", signature: "" },
            { type: "text", text: "w3" },
            { type: "tool_use", id: "c", name: "find", input: { a: 1 } },
          ],
        },
        {
          role: "user",
          content: [{
            ...{ type: "tool_result", tool_use_id: "c", is_error: false },
            content: [{ type: "text", text: "found" }],
          }],
        },
        { role: "system", content: "w0" },
      ],
      tools: [{ name: "find", description: "Finds", input_schema: schema }],
      tool_choice: { type: "auto", disable_parallel_tool_use: true },
      ...{ thinking: { type: "enabled", budget_tokens: 9 }, output_config: { effort: "low" } },
      metadata: { user_id: "u" },
    },
  },
  {
    route: r.messages,
    body: {
      ...{ model, max_tokens: 2 },
      messages: [{
        role: "user",
        content: [{
          type: "image",
          source: { type: "base64", media_type: "image/png", data: PNG },
        }],
      }],
    },
  },
  { route: r.countTokens, body: { model, messages: turn, system: "w1" } },
  { route: r.ollamaShow, body: { model, verbose: true } },
  {
    route: r.ollamaChat,
    body: {
      ...{ model, messages: conversation.slice(0, 2).map((each) => ({ ...each, content: "w1" })) },
      ...{ tools, options, format: schema, think: true, keep_alive: "5m", stream: true },
    },
  },
  {
    route: r.ollamaChat,
    body: {
      model,
      messages: [
        { role: "user", content: "w0" },
        {
          ...{ role: "assistant", content: "", thinking: "hm" },
          tool_calls: [{ function: { name: "find", arguments: { a: 1 } } }],
        },
        { role: "tool", tool_name: "find", content: "found" },
      ],
      ...{ stream: false, options: { num_predict: 2 }, format: "json" },
    },
  },
  {
    route: r.ollamaChat,
    body: { model, messages: [{ role: "user", content: "w0", images: [PNG] }] },
  },
  { route: r.ollamaChat, body: { model, messages: [], keep_alive: 0 } },
  {
    route: r.ollamaGenerate,
    body: { model, prompt: "w0", system: "w1", options, keep_alive: -1, think: "low", raw: false },
  },
  { route: r.ollamaGenerate, body: { model, prompt: "w0", suffix: "w2", stream: false } },
  {
    route: r.ollamaEmbed,
    body: { model, input: ["w0"], truncate: true, dimensions: 1, options: {}, keep_alive: "1m" },
  },
  { route: r.ollamaEmbeddings, body: { model, prompt: "w0", options: {}, keep_alive: 5 } },
  { route: r.ollamaPull, body: { model, stream: true, insecure: false } },
  { route: r.ollamaCopy, body: { source: model, destination: "other" } },
  { route: r.ollamaCreate, body: { model: "other", from: model, stream: false } },
  { route: r.ollamaPush, body: { model, insecure: false } },
  { route: r.ollamaDelete, body: { model } },
  {
    route: r.infill,
    body: {
      ...{ model, input_prefix: "w0", input_suffix: "w2", prompt: "", n_predict: 2, stream: true },
      ...{ input_extra: [{ filename: "a", text: "w1" }], temperature: 0.5, stop: ["a"] },
    },
  },
  {
    route: r.nativeCompletion,
    body: { model, prompt: "w0", ...sampling, n_predict: 2, n_probs: 1, stop: ["a"], stream: true },
  },
  {
    route: r.nativeCompletion,
    body: { model, prompt: [1, 2], n_predict: 2, return_progress: true },
  },
  {
    route: r.nativeTokenize,
    body: { model, content: "w0", add_special: true, parse_special: false, with_pieces: true },
  },
  { route: r.nativeDetokenize, body: { model, tokens: [1, 2] } },
  { route: r.nativeTemplate, body: { model, messages: conversation, tools } },
  { route: r.nativeEmbedding, body: { model, content: ["w0", [1]], embd_normalize: 2 } },
  { route: r.nativeEmbedding, body: { model, input: "w0" } },
  { route: r.nativeProps, query: { model } },
  { route: r.listResponses, query: { limit: "2", after: "resp_1" } },
  { route: r.listFiles, query: { limit: "2", order: "asc", purpose: "batch", after: "file-1" } },
  { route: r.getFile, params: { id: "file-1" } },
  { route: r.fileContent, params: { id: "file-1" } },
  { route: r.deleteFile, params: { id: "file-1" } },
  {
    route: r.createBatch,
    body: {
      ...{ input_file_id: "file-1", endpoint: "/v1/embeddings", completion_window: "24h" },
      metadata: { a: "b" },
      output_expires_after: { anchor: "created_at", seconds: 3600 },
    },
  },
  { route: r.listBatches, query: { limit: "2", after: "batch_1" } },
  { route: r.getBatch, params: { id: "batch_1" } },
  { route: r.cancelBatch, params: { id: "batch_1" } },
  { route: r.openaiModels, query: { limit: "2", after_id: model, before_id: model } },
  { route: r.openaiModel, params: { model } },
];
