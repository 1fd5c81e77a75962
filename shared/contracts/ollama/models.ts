import { z } from "zod";
import { embeddingsRequest } from "../openai/embeddings.ts";
import { modelName } from "../common.ts";
import { keepAlive, ollamaOptions } from "./options.ts";

const details = z.object({
  parent_model: z.string(),
  format: z.literal("gguf"),
  family: z.string(),
  families: z.array(z.string()),
  parameter_size: z.string(),
  quantization_level: z.string(),
});

const entry = {
  name: z.string(),
  model: z.string(),
  size: z.number().int().meta({ description: "Bytes of the file" }),
  digest: z.string(),
  details,
};

export const ollamaVersion = z.object({
  version: z.string().meta({ description: "Of Ollama's API, as far as it is served here" }),
}).meta({ id: "OllamaVersion" });

export const ollamaTags = z.object({
  models: z.array(z.object({ ...entry, modified_at: z.iso.datetime() })),
}).meta({ id: "OllamaTags" });

export const ollamaRunning = z.object({
  models: z.array(z.object({
    ...entry,
    expires_at: z.iso.datetime(),
    size_vram: z.number().int(),
    context_length: z.number().int(),
  })),
}).meta({ id: "OllamaRunning" });

const byName = { model: modelName.optional(), name: modelName.optional() };

/** Body of `POST /api/show`. */
export const ollamaShowRequest = z.looseObject(byName).meta({ id: "OllamaShowRequest" });

/** A model's name, in either of its fields. */
export type OllamaName = z.output<typeof ollamaShowRequest>;

export const ollamaShow = z.object({
  modelfile: z.string(),
  parameters: z.string(),
  template: z.string(),
  details,
  model_info: z.record(z.string(), z.unknown()),
  capabilities: z.array(z.string()),
  modified_at: z.iso.datetime(),
}).meta({ id: "OllamaShow" });

/** Body of `POST /api/pull`. */
export const ollamaPullRequest = z.looseObject({ ...byName, stream: z.boolean().nullish() })
  .meta({ id: "OllamaPullRequest" });

export const ollamaStatus = z.object({ status: z.string() }).meta({ id: "OllamaStatus" });

const input = z.string();

/** Body of `POST /api/embed`. */
export const ollamaEmbedRequest = z.looseObject({
  model: modelName,
  input: z.union([input, z.array(input).max(2048)], { error: "must be a text or a list of texts" }),
  truncate: z.boolean().nullish().meta({
    description:
      "Whether a text that the context cannot hold is cut; false: it is refused. Default: true",
  }),
  dimensions: embeddingsRequest.shape.dimensions,
  options: ollamaOptions.nullish(),
  keep_alive: keepAlive.nullish(),
}).meta({ id: "OllamaEmbedRequest" });

const nanoseconds = z.number().int().min(0);

export const ollamaEmbeddings = z.object({
  model: z.string(),
  embeddings: z.array(z.array(z.number())),
  total_duration: nanoseconds,
  load_duration: nanoseconds,
  prompt_eval_count: z.number().int().min(0),
}).meta({ id: "OllamaEmbeddings" });

/** Body of `POST /api/embeddings`, the older way. */
export const ollamaOldEmbedRequest = z.looseObject({
  model: modelName,
  prompt: z.string(),
  options: ollamaOptions.nullish(),
  keep_alive: keepAlive.nullish(),
}).meta({ id: "OllamaOldEmbedRequest" });

export const ollamaEmbedding = z.object({ embedding: z.array(z.number()) })
  .meta({ id: "OllamaEmbedding" });

/** Body of a route that only the command line does. */
export const ollamaAnything = z.looseObject({}).optional().meta({ id: "OllamaFileRequest" });
