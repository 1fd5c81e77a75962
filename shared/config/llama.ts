import { z } from "zod";
import { faultOfPattern } from "./tensor_pattern.ts";

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

/** Most overrides of one model. */
const MOST_OVERRIDES = 64;

/** Where tensors may be held: the CPU's memory, or one of the worker's GPUs by its place among them. */
const OVERRIDE = /^(.*)=(cpu|gpu\d{1,2})$/s;

/** Tensors that are held elsewhere than their layer. */
export interface TensorOverride {
  /** Part of a regular expression, searched in the names of tensors; see `tensor_pattern.ts`. */
  readonly pattern: string;
  /** Number of the GPU among those of the worker; undefined: the CPU's memory. */
  readonly gpu: number | undefined;
}

const tensorOverride = z.string().superRefine((text, context) => {
  const refuse = (message: string) => context.addIssue({ code: "custom", message });
  const [, pattern] = OVERRIDE.exec(text) ?? [];
  if (pattern === undefined) return refuse("must be PATTERN=cpu, or PATTERN=gpu0 and so on");
  const fault = pattern === "" ? "is empty" : faultOfPattern(pattern);
  if (fault !== undefined) refuse(`the pattern ${JSON.stringify(pattern)} ${fault}`);
});

/** Reads a checked `tensor_overrides` entry. */
export function readOverride(text: string): TensorOverride {
  const [, pattern = "", where = "cpu"] = OVERRIDE.exec(text) ?? [];
  return { pattern, gpu: where === "cpu" ? undefined : Number(where.slice("gpu".length)) };
}

/** Tensors of experts in mixtures of experts, by the names of llama.cpp. */
const EXPERTS = "\\.ffn_(up|down|gate|gate_up)_(ch|)exps";

/** Every override that settings ask for, the first that matches a name first. */
export function overridesOf(
  { cpu_moe, cpu_moe_layers, tensor_overrides }: Pick<
    LlamaSettings,
    "cpu_moe" | "cpu_moe_layers" | "tensor_overrides"
  >,
): TensorOverride[] {
  const layers = Array.from({ length: cpu_moe_layers ?? 0 }, (_, layer) => layer);
  return [
    ...(tensor_overrides ?? []).map(readOverride),
    ...(cpu_moe ? [{ pattern: EXPERTS, gpu: undefined }] : []),
    ...layers.map((layer) => ({ pattern: `blk\\.${layer}${EXPERTS}`, gpu: undefined })),
  ];
}

/** Layers on the GPU: a number, or `fit` for as many as fit. */
const gpuLayersKey = z.union([
  z.number().int().min(0).max(10_000),
  z.string().regex(/^(fit|\d{1,4}|10000)$/, "must be fit or a number from 0 to 10000"),
]);

/** Converts a {@linkcode gpuLayersKey}, which may be a number or text; undefined: all layers. */
export function gpuLayersOf(
  value: z.output<typeof gpuLayersKey> | undefined,
): number | "fit" | undefined {
  return value === undefined || value === "fit" ? value : Number(value);
}

/** Parts of a model on each of several GPUs, as numbers: `3,1`. */
const RATIO = /^\d+(\.\d+)?(,\d+(\.\d+)?){1,15}$/;

/** Reads a checked `split_ratio`. */
export function readRatio(text: string): number[] {
  return text.split(",").map(Number);
}

/** Types of cache values that are no quantized ones. */
const FLOATS: readonly string[] = ["f16", "f32", "bf16"];

/** Two settings that contradict each other, in words; undefined if none do. */
export function contradictionOf(settings: Partial<LlamaSettings>): Contradiction | undefined {
  const { split, split_ratio, cpu_moe, cpu_moe_layers, flash_attention, cache_type_v } = settings;
  if (cpu_moe && cpu_moe_layers !== undefined) {
    return { key: "cpu_moe_layers", message: "cpu_moe holds the experts of all layers: set one" };
  }
  if (split_ratio !== undefined && split === "none") {
    return { key: "split_ratio", message: "split is none: leave one of them out" };
  }
  if (split === "tensor" && flash_attention === "off") {
    return { key: "flash_attention", message: "split = tensor needs it: leave it at auto" };
  }
  if (cache_type_v !== undefined && !FLOATS.includes(cache_type_v) && flash_attention === "off") {
    const message = `is read by flash attention alone: leave that at auto, or use ${FLOATS[0]}`;
    return { key: "cache_type_v", message };
  }
  if (split === "tensor" && overridesOf(settings).length > 0) {
    return { key: "split", message: "tensor does not go with tensors on the CPU: use layer" };
  }
  return undefined;
}

/** A setting that does nothing without another one, or lacks one; undefined if there is none. */
export function idleSetting(settings: Partial<LlamaSettings>): Contradiction | undefined {
  const { speculative, draft_model, draft_tokens } = settings;
  if ((speculative === "draft") !== (draft_model !== undefined)) {
    const message = "is needed with speculative draft, and only then: set both, or neither";
    return { key: "draft_model", message };
  }
  // Turning it off is to be possible in one place.
  if (draft_tokens !== undefined && speculative === undefined) {
    const message = "has no effect without speculative: set it to lookup, draft or mtp, too";
    return { key: "draft_tokens", message };
  }
  return undefined;
}

/** Most checkpoints of a slot, states that its prompts can go back to. */
export const MOST_CHECKPOINTS = 8;

/** Most memory of all checkpoints in MiB, unless configured otherwise. */
const CHECKPOINT_MIB = 512;

/** Most bytes of the checkpoints of a context; 0: none are kept. */
export function mostCheckpointBytes(
  { checkpoint_mib = CHECKPOINT_MIB }: Pick<LlamaSettings, "checkpoint_mib">,
): number {
  return checkpoint_mib * 2 ** 20;
}

/** Most states beside the slots, for each slot. */
export const MOST_KEPT = 8;

/** Most memory of states beside the slots in MiB, unless configured otherwise. */
const CACHE_MIB = 0;

/** Most bytes of states beside the slots; 0: none are kept. */
export function mostKeptBytes({ cache_mib = CACHE_MIB }: Pick<LlamaSettings, "cache_mib">): number {
  return cache_mib * 2 ** 20;
}

/** A setting that contradicts another one. */
export interface Contradiction {
  readonly key: keyof LlamaSettings;
  readonly message: string;
}

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
  gpu_layers: gpuLayersKey.optional()
    .describe("Layers to keep on the GPU, or fit for as many as fit; default: all"),
  split: z.enum(["layer", "row", "tensor", "none"]).optional()
    .describe(
      "How a model that no single GPU holds is divided among several, or none; default: layer",
    ),
  split_ratio: z.string()
    .regex(RATIO, "must be the parts on each GPU, such as 3,1")
    .refine((text) => readRatio(text).every((part) => part > 0), "each part must be above 0")
    .optional()
    .describe("Parts of the model on each of several GPUs: 3,1; default: by their free memory"),
  cpu_moe: z.boolean().optional()
    .describe("Keep the experts of all layers in the CPU's memory"),
  cpu_moe_layers: z.number().int().min(0).max(1_000).optional()
    .describe("Keep the experts of this many first layers in the CPU's memory"),
  tensor_overrides: z.array(tensorOverride).max(MOST_OVERRIDES).optional()
    .describe(
      "Tensors to hold elsewhere than their layer: PATTERN=cpu or PATTERN=gpu1, first match first",
    ),
  batch_size: z.number().int().min(1).max(1_000_000).optional()
    .describe("Most tokens in one step of the engine; default: 512"),
  flash_attention: z.enum(["auto", "on", "off"]).optional()
    .describe("Flash attention; default: auto, which is on where the backend supports it"),
  cache_type_k: z.enum(CACHE_TYPES).optional()
    .describe("Type of cached keys: f16, q8_0, …; default: f16"),
  cache_type_v: z.enum(CACHE_TYPES).optional()
    .describe("Type of cached values; quantized types need flash attention; default: f16"),
  backend_sampling: z.boolean().optional()
    .describe("Find the most probable tokens on the device, for requests to which they suffice"),
  no_mmap: z.boolean().optional()
    .describe("Read the weights into memory instead of mapping the file"),
  no_mmproj_offload: z.boolean().optional()
    .describe("Keep the model's projector, with which it sees, off the GPU"),
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
  cache_mib: z.number().int().min(0).max(1_000_000).optional()
    .describe(
      "Most main memory in MiB for what slots held before other prompts took them; 0 keeps none; default: a 32nd of it, at most 512 (0 for a worker without a pool)",
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
