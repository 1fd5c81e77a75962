import { basename } from "node:path";
import { z } from "zod";
import {
  commonKeys,
  count,
  hostKey,
  limitsSection,
  millis,
  portKey,
} from "#shared/config/common.ts";
import type { ConfigSpec } from "#shared/config/load.ts";
import { llamaShape, threadsKey } from "#shared/config/llama.ts";
import { identifier, sha256 } from "#shared/contracts/common.ts";
import { modelName } from "#shared/contracts/request.ts";
import { PORTS } from "#shared/defaults.ts";
import { physicalCores } from "./cores.ts";

/** Everything that llorch-candled can be told, by flag or `LLORCH_*`; it has no config file. */
export const workerConfig = z.strictObject({
  ...commonKeys,
  worker_id: identifier.default("local").describe("Name of this worker, given by the pool manager"),
  model: z.string().min(1)
    .describe("Path of the GGUF file; for an engine of another kind, what its command takes"),
  model_ref: modelName.optional()
    .describe("Name by which the model is asked for; else the file's name without its ending"),
  engine: z.enum(["llama", "openai"]).default("llama").describe(
    "llama: llama.cpp in this process; openai: a server with OpenAI's API that this process starts",
  ),
  openai: z.strictObject({
    command: z.string().min(1).optional()
      .describe("The server's program and arguments, a JSON list; {port}, {model} … are filled in"),
    health_path: z.string().regex(/^\//, "must begin with /").default("/health")
      .describe("Path that answers 200 once the server has loaded"),
    poll_interval_ms: millis(2_000, "Time between looks at the server's health"),
    unresponsive_ms: millis(30_000, "A server whose health is silent this long ends the worker"),
    stop_deadline_ms: millis(3_000, "A server still there this long after SIGTERM is killed"),
  }).prefault({}),
  fingerprint: sha256.optional()
    .describe("Identity of a model that is no GGUF file, given by the pool manager"),
  gpu: z.string().regex(/^(none|\d{1,3})$/, "must be none or the number of a GPU").optional()
    .describe("Number of a GPU, or none for the CPU; else the build's own backend"),
  host: hostKey,
  port: portKey(PORTS.workerBase),
  callback_url: z.url({ protocol: /^https?$/ }).optional()
    .describe("The pool manager, told when the model is loaded"),
  standalone: z.boolean().default(false)
    .describe("Run without a pool manager: no callback, no end when idle"),
  context: z.number().int().min(8).max(10_000_000).optional()
    .describe("Tokens per slot; else 4096, at most what the model was trained for"),
  slots: z.number().int().min(1).max(256).default(1).describe("Requests that run side by side"),
  queue: z.number().int().min(0).max(100_000).optional()
    .describe("Requests that may wait for a slot; else four for each slot"),
  threads: threadsKey.default(Math.max(1, physicalCores() - 1))
    .describe("CPU threads that compute; auto measures a few settings when the model is loaded"),
  ...llamaShape,
  lora: z.array(z.string().regex(/^[^=]{1,128}=.+$/, "must be NAME=PATH")).optional()
    .describe("Adapters that requests may name: NAME=PATH"),
  prefill_stretch: z.number().min(1.1).max(1000).default(2.5)
    .describe("How many times as long a step may take for prompt tokens beside running streams"),
  prefill_chunk: z.number().int().min(1).max(1_000_000).optional()
    .describe("Prompt tokens in a step beside running streams; else as many as the stretch takes"),
  saved_slots_dir: z.string().min(1).optional()
    .describe("Folder in which what slots hold may be saved; without it, none is"),
  metrics_interval_ms: millis(500, "Time between the metrics events of a stream"),
  stop_deadline_ms: millis(25_000, "Streams still running this long after a stop are cut"),
  slow_reader_ms: millis(30_000, "A stream whose reader takes nothing for this long is cut"),
  stream_buffer: count(64, "Events kept for a reader that is behind; then its slot pauses"),
  callback: z.strictObject({
    timeout_ms: millis(5_000, "One ready callback without a reply by then has failed"),
    deadline_ms: millis(60_000, "A callback that still fails after this time ends the worker"),
  }).prefault({}),
  orphan_timeout_ms: z.number().int().min(0).max(2_147_483_647).default(60_000)
    .describe("An idle worker that nobody called for this long ends; 0 never"),
  limits: limitsSection,
}).refine((config) => config.standalone || config.callback_url !== undefined, {
  path: ["callback_url"],
  message: "is needed, unless --standalone says that no pool manager waits",
}).refine((config) => config.engine !== "openai" || config.openai.command !== undefined, {
  path: ["openai", "command"],
  message: "is needed with --engine openai",
}).refine((config) => (config.speculative === "draft") === (config.draft_model !== undefined), {
  path: ["draft_model"],
  message: "is needed with --speculative draft, and with nothing else",
});

/** A validated configuration. */
export type WorkerConfig = z.output<typeof workerConfig>;

/** How a worker is told what to do. */
export const configSpec: ConfigSpec<typeof workerConfig> = {
  program: "llorch-candled",
  summary: "holds one GGUF model and turns prompts into tokens",
  schema: workerConfig,
  hasFile: false,
};

/** The name under which this worker's model is asked for. */
export function modelRef(config: WorkerConfig): string {
  return config.model_ref ?? basename(config.model).replace(/\.gguf$/i, "");
}

/** Requests that may wait beside those in slots. */
export function queueLimit(config: WorkerConfig): number {
  return config.queue ?? config.slots * 4;
}
