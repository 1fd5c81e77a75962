import { type BatchObject, type FileObject, orchestratorRoutes } from "#shared/contracts/mod.ts";
import { type Stack, until } from "../support/stack.ts";
import { type Case, check } from "./contract.ts";

const TURN = [{ role: "user", content: "w7" }];

/** Calls of `/v1/responses`, of which one with this id is stored. */
export function responsesCases(id: string): Case[] {
  const { respond: route, ...r } = orchestratorRoutes;
  const params = { id };
  const unknown = { id: "resp_none" };
  const body = { model: "counter", input: "w7", max_output_tokens: 5 };
  return [
    { route, body },
    { route, body: { ...body, stream: true, input: TURN, instructions: "w1" } },
    { route, body: { ...body, top_logprobs: 2, temperature: 0, metadata: { a: "b" } } },
    {
      route,
      body: { ...body, tools: [{ type: "web_search" }], text: {}, store: false, stream: true },
    },
    { route: r.listResponses, query: "?limit=1" },
    { route: r.listResponses, query: `?after=${id}` },
    { route: r.listResponses, query: "?limit=0", error: "INVALID_REQUEST", fields: ["limit"] },
    { route: r.listResponses, query: "?after=none", error: "NOT_FOUND" },
    { route: r.getResponse, params },
    { route: r.getResponse, params, query: "?stream=true&starting_after=2" },
    { route: r.responseInput, params, query: "?order=asc&limit=1" },
    { route: r.cancelResponse, params },
    {
      route,
      body: { ...body, previous_response_id: unknown.id },
      error: "NOT_FOUND",
    },
    ...[r.getResponse, r.responseInput, r.cancelResponse, r.deleteResponse].map((
      route,
    ): Case => ({ route, params: unknown, error: "NOT_FOUND" })),
    { route: r.deleteResponse, params },
    { route, body: { ...body, model: "nope" }, error: "MODEL_NOT_FOUND" },
    { route, body: { ...body, input: "w7 ".repeat(9000) }, error: "CONTEXT_LENGTH_EXCEEDED" },
    {
      route,
      body: { ...body, input: [{ role: "user", content: [{ type: "input_image" }] }] },
      error: "INVALID_REQUEST",
      fields: ["input.0.content.0.image_url"],
    },
  ];
}

/** A form with a file of requests, as `send` sends it. */
function form(purpose = "batch", count = 1): Pick<Case, "body" | "headers"> {
  const line = Array.from({ length: count }, (_, n) =>
    JSON.stringify({
      ...{ custom_id: `r${n}`, method: "POST", url: "/v1/embeddings" },
      body: { model: "counter", input: "w7" },
    })).join("\n");
  const body = `--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\n${purpose}\r\n` +
    `--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n${line}\r\n--x--`;
  return { body, headers: { "content-type": "multipart/form-data; boundary=x" } };
}

/** Calls of `/v1/audio/transcriptions` with a model that hears nothing. */
export function transcriptionCases(): Case[] {
  const { transcribe: route } = orchestratorRoutes;
  const form = (fields: Readonly<Record<string, string>>): Pick<Case, "body" | "headers"> => {
    const parts = Object.entries(fields).map(([name, value]) =>
      `--x\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
    );
    const headers = { "content-type": "multipart/form-data; boundary=x" };
    return { body: `${parts.join("")}--x--`, headers };
  };
  const asked = { file: "RIFF0000WAVE", model: "counter" };
  const refused = (fields: Readonly<Record<string, string>>, field: string): Case => ({
    ...{ route, ...form(fields), error: "INVALID_REQUEST", fields: [field] },
  });
  return [
    refused(asked, "file"),
    refused({ model: "counter" }, "file"),
    refused({ ...asked, response_format: "srt" }, "response_format"),
    refused({ ...asked, "include[]": "logprobs" }, "include"),
    refused({ ...asked, temperature: "3" }, "temperature"),
    { route, ...form({ ...asked, model: "nope" }), error: "MODEL_NOT_FOUND" },
    { route, body: {}, error: "UNSUPPORTED_MEDIA_TYPE" },
  ];
}

/** Calls of `/v1/files` and `/v1/batches`. */
export async function batchCases({ url }: Stack): Promise<Case[]> {
  const r = orchestratorRoutes;
  const upload = { route: r.uploadFile, ...form() };
  const input = await check(url, upload) as FileObject;
  const other = await check(url, upload) as FileObject;
  const create = {
    input_file_id: input.id,
    endpoint: "/v1/embeddings",
    completion_window: "24h",
    metadata: { a: "b" },
  };
  const route = r.createBatch;
  const begun = await check(url, { route, body: create }) as BatchObject;
  let batch = begun;
  await until("the batch has ended", async () => {
    batch = await check(url, { route: r.getBatch, params: { id: begun.id } }) as BatchObject;
    return batch.status === "completed";
  });
  const output = { id: batch.output_file_id! };
  const unknown = { id: "none" };
  const many = await check(url, { ...upload, ...form("batch", 2000) }) as FileObject;
  const waiting = await check(url, {
    route,
    body: { ...create, input_file_id: many.id },
  }) as BatchObject;
  const cancel = { route: r.cancelBatch, params: { id: waiting.id } };
  await check(url, cancel);
  return [
    upload,
    { route: r.uploadFile, ...form("vision"), error: "INVALID_REQUEST", fields: ["purpose"] },
    { route: r.uploadFile, body: {}, error: "UNSUPPORTED_MEDIA_TYPE" },
    { route: r.listFiles, query: `?limit=1&order=asc&after=${input.id}` },
    { route: r.listFiles, query: "?limit=0", error: "INVALID_REQUEST", fields: ["limit"] },
    { route: r.listFiles, query: "?after=none", error: "NOT_FOUND" },
    { route: r.getFile, params: output },
    { route: r.fileContent, params: output },
    { route: r.deleteFile, params: { id: other.id } },
    { route, body: { ...create, output_expires_after: { anchor: "created_at", seconds: 3600 } } },
    {
      route,
      body: { ...create, endpoint: "/v1/models", completion_window: "1h" },
      error: "INVALID_REQUEST",
      fields: ["endpoint"],
    },
    {
      route,
      body: { ...create, input_file_id: output.id },
      error: "INVALID_REQUEST",
      fields: ["input_file_id"],
    },
    { route, body: { ...create, input_file_id: other.id }, error: "NOT_FOUND" },
    { route: r.listBatches, query: `?limit=1&after=${waiting.id}` },
    { route: r.listBatches, query: "?limit=0", error: "INVALID_REQUEST", fields: ["limit"] },
    { route: r.getBatch, params: { id: batch.id } },
    cancel,
    { route: r.cancelBatch, params: { id: batch.id }, error: "CONFLICT" },
    ...[r.getFile, r.fileContent, r.deleteFile, r.getBatch, r.cancelBatch].map((route): Case => ({
      route,
      params: unknown,
      error: "NOT_FOUND",
    })),
  ];
}

/** Calls of Anthropic's API. */
export function anthropicCases(): Case[] {
  const { messages, countTokens } = orchestratorRoutes;
  const prompt = { model: "counter", messages: TURN };
  const body = { ...prompt, max_tokens: 5 };
  return [
    { route: messages, body },
    { route: messages, body: { ...body, stream: true, system: [{ type: "text", text: "w1" }] } },
    { route: messages, body: { ...body, tools: [{ name: "f", input_schema: {} }] } },
    { route: messages, body: prompt, error: "INVALID_REQUEST" },
    { route: messages, body: { ...body, model: "nope" }, error: "MODEL_NOT_FOUND" },
    { route: countTokens, body: prompt },
    { route: countTokens, body: { model: "counter" }, error: "INVALID_REQUEST" },
    { route: countTokens, body: { ...prompt, model: "nope" }, error: "MODEL_NOT_FOUND" },
  ];
}

/** Calls of Ollama's API. */
export function ollamaCases(): Case[] {
  const r = orchestratorRoutes;
  const options = { num_predict: 5 };
  const chat = { model: "counter:latest", messages: TURN, options };
  const text = { model: "counter", prompt: "w7", options };
  const files = [r.ollamaCopy, r.ollamaCreate, r.ollamaPush, r.ollamaDelete];
  return [
    { route: r.ollamaVersion },
    { route: r.ollamaTags },
    { route: r.ollamaRunning },
    { route: r.ollamaShow, body: { model: "counter" } },
    { route: r.ollamaShow, body: { name: "nope" }, error: "MODEL_NOT_FOUND" },
    { route: r.ollamaShow, body: {}, error: "INVALID_REQUEST" },
    { route: r.ollamaChat, body: chat },
    { route: r.ollamaChat, body: { ...chat, stream: false, think: true, format: "" } },
    { route: r.ollamaChat, body: { model: "counter", messages: [], keep_alive: -1 } },
    { route: r.ollamaChat, body: { ...chat, options: { mirostat: 3 } }, error: "INVALID_REQUEST" },
    { route: r.ollamaChat, body: { ...chat, model: "nope" }, error: "MODEL_NOT_FOUND" },
    { route: r.ollamaGenerate, body: text },
    { route: r.ollamaGenerate, body: { ...text, stream: false, raw: true } },
    { route: r.ollamaGenerate, body: { ...text, context: [1] }, error: "INVALID_REQUEST" },
    { route: r.ollamaEmbed, body: { model: "counter", input: ["w7", "w8"] } },
    { route: r.ollamaEmbed, body: { model: "counter" }, error: "INVALID_REQUEST" },
    { route: r.ollamaEmbeddings, body: { model: "counter", prompt: "w7" } },
    { route: r.ollamaEmbeddings, body: { model: "counter" }, error: "INVALID_REQUEST" },
    { route: r.ollamaPull, body: { model: "counter" } },
    { route: r.ollamaPull, body: { model: "counter", stream: false } },
    { route: r.ollamaPull, body: { model: "nope" }, error: "MODEL_NOT_FOUND" },
    { route: r.ollamaPull, body: {}, error: "INVALID_REQUEST" },
    ...files.flatMap((route): Case[] => [
      { route, body: { model: "counter" }, error: "NOT_IMPLEMENTED" },
      { route, body: [], error: "INVALID_REQUEST" },
    ]),
  ];
}

/** Calls of llama-server's own API, but for `/infill`. */
export function llamaCases(): Case[] {
  const r = orchestratorRoutes;
  const text = { model: "counter", prompt: "w7", n_predict: 3 };
  const chat = { model: "counter", messages: TURN };
  return [
    { route: r.nativeCompletion, body: text },
    { route: r.nativeCompletion, body: { ...text, prompt: [10, 11], n_probs: 2, seed: -1 } },
    { route: r.nativeCompletion, body: { ...text, stream: true, n_probs: 1, return_tokens: true } },
    { route: r.nativeCompletion, body: { ...text, mirostat: 3 }, error: "INVALID_REQUEST" },
    { route: r.nativeCompletion, body: { ...text, model: "nope" }, error: "MODEL_NOT_FOUND" },
    {
      route: r.nativeCompletion,
      body: { ...text, prompt: "w1 ".repeat(6000) },
      error: "CONTEXT_LENGTH_EXCEEDED",
    },
    { route: r.nativeTokenize, body: { model: "counter", content: "w7 w8" } },
    { route: r.nativeTokenize, body: { model: "counter", content: "w7", with_pieces: true } },
    { route: r.nativeTokenize, body: { model: "counter", content: "w1 ".repeat(9_000) } },
    {
      route: r.nativeTokenize,
      body: { model: "counter", content: "w1 ".repeat(60_000) },
      error: "INVALID_REQUEST",
    },
    { route: r.nativeTokenize, body: { model: "counter" } },
    { route: r.nativeTokenize, body: { model: "counter", content: ["w7", 5] } },
    { route: r.nativeTokenize, body: { model: "counter", content: 5 }, error: "INVALID_REQUEST" },
    { route: r.nativeDetokenize, body: { model: "counter", tokens: [1, 10, 11] } },
    {
      route: r.nativeDetokenize,
      body: { model: "counter", tokens: [2_000_000_000] },
      error: "INVALID_REQUEST",
    },
    { route: r.nativeTemplate, body: chat },
    { route: r.nativeTemplate, body: { model: "counter" }, error: "INVALID_REQUEST" },
    { route: r.nativeEmbedding, body: { model: "counter", content: ["w7", [10]] } },
    { route: r.nativeEmbedding, body: { model: "counter" }, error: "INVALID_REQUEST" },
    { route: r.nativeProps, query: "?model=counter" },
    { route: r.nativeProps, query: "?model=nope", error: "MODEL_NOT_FOUND" },
    { route: r.changeProps, error: "NOT_IMPLEMENTED" },
  ];
}
