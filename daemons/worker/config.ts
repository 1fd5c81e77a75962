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
import type { ConfigSpec } from "#shared/config/spec.ts";
import {
  type Contradiction,
  contradictionOf,
  idleSetting,
  llamaShape,
  readRatio,
  threadsKey,
} from "#shared/config/llama.ts";
import { identifier, modelName, sha256 } from "#shared/contracts/common.ts";
import { PORTS } from "#shared/defaults.ts";
import { faultOfServerUrl } from "#shared/net/server_url.ts";
import { physicalCores } from "./cores.ts";

function haveOwnNames(adapters: readonly string[]): boolean {
  return new Set(adapters.map((each) => each.split("=")[0])).size === adapters.length;
}

/** A flag that has no effect beside others. */
interface IdleFlag {
  readonly path: readonly string[];
  readonly message: string;
}

/** What an engine's command may ask for: the placeholders of llama.cpp's settings. */
const FOR_ANY_ENGINE: readonly string[] = ["gpu_layers", "split", "split_ratio"];

/** Flags that only llama.cpp in this process has. */
const LLAMA_ONLY = [
  ...Object.keys(llamaShape).filter((key) => !FOR_ANY_ENGINE.includes(key)),
  ...["lora", "mmproj", "prefill_chunk", "saved_slots_dir"],
];

/** The flags of a worker that have no effect, so that nobody believes that they have one. */
function idleFlags(
  { engine, openai, standalone, callback_url, ...config }: Pick<
    WorkerConfig,
    "engine" | "openai" | "standalone" | "callback_url"
  >,
): IdleFlag[] {
  const idle: IdleFlag[] = [];
  if (standalone && callback_url !== undefined) {
    idle.push({ path: ["callback_url"], message: "is not called with --standalone: set one" });
  }
  if (engine === "llama") {
    const isSet = {
      command: openai.command !== undefined,
      url: openai.url !== undefined,
      vision: openai.vision,
    };
    const message = "is only for --engine openai: set that, too";
    const keys = Object.entries(isSet).filter(([, is]) => is).map(([key]) => key);
    return [...idle, ...keys.map((key) => ({ path: ["openai", key], message }))];
  }
  const given = new Map(Object.entries(config));
  const message = "is only for --engine llama: leave it out, or give it to the engine's command";
  const keys = LLAMA_ONLY.filter((key) => given.get(key) !== undefined);
  return [...idle, ...keys.map((key) => ({ path: [key], message }))];
}

/** What is wrong with the flags about a server elsewhere. */
function faultsOfServer({ url, api_key_file, ca_file }: WorkerConfig["openai"]): IdleFlag[] {
  if (url !== undefined) {
    const fault = faultOfServerUrl(url, { hasKey: api_key_file !== undefined });
    return fault === undefined ? [] : [{ path: ["openai", "url"], message: fault }];
  }
  return Object.entries({ api_key_file, ca_file }).filter(([, path]) => path !== undefined)
    .map(([key]) => ({ path: ["openai", key], message: "is only for a server with --openai-url" }));
}

/** Every setting of llorch-candled, by flag or `LLORCH_*`; it has no config file. */
export const workerConfig = z.strictObject({
  ...commonKeys,
  worker_id: identifier.default("local").describe("Name of this worker, given by the pool manager"),
  model: z.string().min(1)
    .describe("Path of the GGUF file; for another engine, what its command takes"),
  model_ref: modelName.optional()
    .describe("Name of the model in requests; default: the file name without its extension"),
  engine: z.enum(["llama", "openai"]).default("llama").describe(
    "llama: llama.cpp in this process; openai: a server with OpenAI's API, started here or elsewhere",
  ),
  openai: z.strictObject({
    command: z.string().min(1).optional()
      .describe("The server's program and arguments, a JSON list; {port}, {model} … are filled in"),
    url: z.string().optional()
      .describe("URL of a server that runs elsewhere, instead of a command"),
    api_key_file: z.string().min(1).optional()
      .describe(
        "File (mode 0600, or a credential of systemd) with the key of the server at the URL",
      ),
    ca_file: z.string().min(1).optional()
      .describe(
        "PEM file of certificate authorities that are trusted too, for the server at the URL",
      ),
    health_path: z.string().regex(/^\//, "must begin with /").optional().describe(
      "Path that answers 200 once the server has loaded; default: /health, with a URL /v1/models",
    ),
    vision: z.boolean().default(false)
      .describe("The server takes images; llama-server says itself whether it does"),
    poll_interval_ms: millis(2_000, "Interval of health checks of the server"),
    unresponsive_ms: millis(
      30_000,
      "The worker ends when the server fails health checks for this long",
    ),
    stop_deadline_ms: millis(3_000, "A server that still runs this long after SIGTERM is killed"),
  }).prefault({}),
  fingerprint: sha256.optional()
    .describe("Identity of a model that is no GGUF file, given by the pool manager"),
  gpu: z.string()
    .regex(/^(none|\d{1,3}(,\d{1,3}){0,15})$/, "must be none or numbers of GPUs, such as 0,1")
    .optional()
    .describe(
      "Numbers of the GPUs that hold the model (0,1), or none for the CPU; default: the first device",
    ),
  host: hostKey,
  port: portKey(PORTS.workerBase),
  callback_url: z.url({ protocol: /^https?$/ }).optional()
    .describe("URL of the pool manager, called when the model is loaded"),
  estimate: z.boolean().default(false)
    .describe("Write the memory that this load would take to stdout, as JSON, and end"),
  estimate_deadline_ms: millis(30_000, "An estimate that takes longer ends with an error"),
  standalone: z.boolean().default(false)
    .describe("Run without a pool manager: no callback, and no exit when idle"),
  context: z.number().int().min(8).max(10_000_000).optional()
    .describe("Tokens per slot; default: 4096, or the model's own context if smaller"),
  slots: z.number().int().min(1).max(256).default(1).describe("Requests that run side by side"),
  queue: z.number().int().min(0).max(100_000).optional()
    .describe("Requests that may wait for a slot; default: four per slot"),
  threads: threadsKey.default(Math.max(1, physicalCores() - 1))
    .describe("CPU threads; auto measures a few settings when the model is loaded"),
  ...llamaShape,
  mmproj: z.string().min(1).optional().describe(
    "Path of the model's projector (a GGUF file), with which it sees or hears",
  ),
  lora: z.array(z.string().regex(/^[^=]{1,128}=.+$/, "must be NAME=PATH"))
    .refine(haveOwnNames, "two adapters have the same name").optional()
    .describe("Adapters that requests may name: NAME=PATH"),
  prefill_slowdown: z.number().min(1.01).max(1000).default(1.4)
    .describe("How many times longer a prompt may take beside running streams than alone"),
  prefill_chunk: z.number().int().min(1).max(1_000_000).optional()
    .describe(
      "Prompt tokens per step beside running streams; default: as few as --prefill-slowdown allows",
    ),
  saved_slots_dir: z.string().min(1).optional()
    .describe("Folder for saved slots; without it, none are saved"),
  cache_expire_ms: millis(
    300_000,
    "A state beside the slots is erased this long after its last use",
  ),
  metrics_interval_ms: millis(500, "Time between the metrics events of a stream"),
  stop_deadline_ms: millis(25_000, "Streams that still run this long after a stop request are cut"),
  slow_reader_ms: millis(30_000, "A stream whose reader reads nothing for this long is closed"),
  stream_buffer: count(64, "Events buffered for a slow reader; beyond it, its slot pauses"),
  callback: z.strictObject({
    timeout_ms: millis(5_000, "Deadline of one ready callback"),
    deadline_ms: millis(60_000, "The worker ends when the callback still fails after this time"),
  }).prefault({}),
  orphan_timeout_ms: z.number().int().min(0).max(2_147_483_647).default(60_000)
    .describe("An idle worker that gets no call for this long ends; 0 keeps it"),
  limits: limitsSection,
}).refine((config) => config.standalone || config.estimate || config.callback_url !== undefined, {
  path: ["callback_url"],
  message: "is needed, unless --standalone says that no pool manager waits",
}).refine(
  ({ engine, openai }) => engine !== "openai" || (openai.command ?? openai.url) !== undefined,
  {
    path: ["openai", "command"],
    message: "is needed with --engine openai, or --openai-url",
  },
).refine(({ openai }) => openai.command === undefined || openai.url === undefined, {
  path: ["openai", "url"],
  message: "is for a server that runs elsewhere: leave it out, or leave --openai-command out",
}).refine((config) => config.engine === "llama" || !config.estimate, {
  path: ["estimate"],
  message: "is only for --engine llama: nothing is known of the memory of another engine",
}).superRefine((config, context) => {
  const refused = new Set<string>();
  const refuse = ({ key, message }: Contradiction) => {
    // One fix for each flag.
    if (!refused.has(key)) context.addIssue({ code: "custom", path: [key], message });
    refused.add(key);
  };
  const idle = idleFlags(config);
  for (const { path, message } of idle) {
    context.addIssue({ code: "custom", path: [...path], message });
  }
  if (config.openai.url !== undefined && config.fingerprint === undefined) {
    const message = "is needed with --openai-url: no file says which model that is";
    context.addIssue({ code: "custom", path: ["fingerprint"], message });
  }
  for (const { path, message } of faultsOfServer(config.openai)) {
    context.addIssue({ code: "custom", path: [...path], message });
  }
  const isIdle = (key: string) => idle.some(({ path }) => path.length === 1 && path[0] === key);
  const used = Object.fromEntries(Object.entries(config).filter(([key]) => !isIdle(key)));
  const contradiction = contradictionOf(used) ?? idleSetting(used);
  if (contradiction) refuse(contradiction);
  if (config.engine === "openai" && config.gpu_layers === "fit") {
    refuse({ key: "gpu_layers", message: "fit is for --engine llama: give a number" });
  }
  const gpus = config.gpu?.split(",") ?? [];
  if (new Set(gpus).size < gpus.length) {
    context.addIssue({ code: "custom", path: ["gpu"], message: "names a GPU twice" });
  }
  if (gpus.length < 2) {
    const message = "is for several GPUs: name them, as in --gpu 0,1";
    if (config.split !== undefined && config.split !== "none") refuse({ key: "split", message });
    if (config.split_ratio !== undefined) refuse({ key: "split_ratio", message });
    return;
  }
  if (config.split === "none") {
    refuse({ key: "split", message: "is none, and --gpu names several" });
  }
  const parts = config.split_ratio === undefined
    ? gpus.length
    : readRatio(config.split_ratio).length;
  if (parts !== gpus.length) {
    refuse({ key: "split_ratio", message: `has ${parts} parts for ${gpus.length} GPUs` });
  }
});

/** A validated configuration. */
export type WorkerConfig = z.output<typeof workerConfig>;

/** The command that shows llama.cpp's libraries; it takes no configuration. */
export const LIBRARIES = "libraries";

/** How a worker's configuration is read. */
export const configSpec: ConfigSpec<typeof workerConfig> = {
  program: "llorch-candled",
  summary: "holds one GGUF model and turns prompts into tokens",
  schema: workerConfig,
  hasFile: false,
  commands: {
    [LIBRARIES]: { words: "", summary: "check llama.cpp's libraries and say where they are" },
  },
};

/** Name of this worker's model in requests. */
export function modelRef(config: WorkerConfig): string {
  return config.model_ref ?? basename(config.model).replace(/\.gguf$/i, "");
}

/** Most requests that may wait for a slot. */
export function queueLimit(config: WorkerConfig): number {
  return config.queue ?? config.slots * 4;
}
