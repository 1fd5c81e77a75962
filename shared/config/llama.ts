import { z } from "zod";

/** Types of llama.cpp's cached keys and values. */
const CACHE_TYPES = [
  "f32",
  "f16",
  "bf16",
  "q8_0",
  "q5_1",
  "q5_0",
  "iq4_nl",
  "q4_1",
  "q4_0",
] as const;

/** Largest file of a chat template, in bytes. */
export const MAX_TEMPLATE_BYTES = 1024 * 1024;

/**
 * Most tokens to guess at once, unless configured otherwise, by models that keep a recurrent state for
 * each of them, and by layers that draft one token after the other.
 */
export const FEW_DRAFT_TOKENS = 4;

/**
 * Settings of llama.cpp: flags of a worker, and `[worker.llama]` of a pool manager, which starts
 * each of its workers with them. For absent settings llama.cpp's own defaults apply.
 */
export const llamaShape = {
  gpu_layers: z.number().int().min(0).max(10_000).optional()
    .describe("Layers to keep on the GPU; default: all"),
  batch_size: z.number().int().min(1).max(1_000_000).optional()
    .describe("Most tokens in one step of the engine; default: 512"),
  flash_attention: z.enum(["auto", "on", "off"]).optional()
    .describe("Flash attention; default: auto, which is on where the backend supports it"),
  cache_type_k: z.enum(CACHE_TYPES).optional()
    .describe("Type of cached keys: f16, q8_0, …; default: f16"),
  cache_type_v: z.enum(CACHE_TYPES).optional()
    .describe("Type of cached values; quantized types need flash attention; default: f16"),
  no_mmap: z.boolean().optional()
    .describe("Read the weights into memory instead of mapping the file"),
  mlock: z.boolean().optional()
    .describe("Keep the weights in RAM: never swap them out"),
  speculative: z.enum(["off", "lookup", "draft", "mtp"]).optional()
    .describe(
      "Speculative decoding: guess tokens from the text so far (lookup), by a draft model (draft), or by layers of the model for multi-token prediction (mtp); default: off",
    ),
  draft_model: z.string().min(1).optional()
    .describe("Path of a small GGUF file with the same vocabulary, for --speculative draft"),
  chat_template_file: z.string().min(1).optional()
    .describe(
      "Path of a Jinja chat template, at most 1 MiB, in place of the one in the model's file",
    ),
  checkpoint_mib: z.number().int().min(0).max(1_000_000).optional()
    .describe(
      "Most memory in MiB for states that prompts can go back to, of models with recurrent or sliding-window layers; default: 512",
    ),
  draft_tokens: z.number().int().min(1).max(256).optional()
    .describe(
      "Most tokens to guess at once; default: 16, and 4 for recurrent models and --speculative mtp",
    ),
};

/** Threads that compute: a number, or `auto` to measure some numbers when a model is loaded. */
export const threadsKey = z.union([
  z.number().int().min(1).max(1024),
  z.string().regex(
    /^(auto|[1-9]\d{0,2}|10[01]\d|102[0-4])$/,
    "must be auto or a number from 1 to 1024",
  ),
]);

/** Settings of llama.cpp. */
export type LlamaSettings = z.output<z.ZodObject<typeof llamaShape>>;

/** Converts a {@linkcode threadsKey}, which may be a number or text. */
export function threadsOf(value: z.output<typeof threadsKey>): number | "auto" {
  return value === "auto" ? "auto" : Number(value);
}
