import { z } from "zod";
import {
  commonKeys,
  count,
  hostKey,
  hostName,
  limitsSection,
  millis,
  portKey,
  tlsSection,
  tokenFileKey,
} from "#shared/config/common.ts";
import { FaultyKey } from "#shared/config/faulty_key.ts";
import type { ConfigSpec } from "#shared/config/spec.ts";
import {
  type Contradiction,
  contradictionOf,
  idleSetting,
  llamaShape,
  threadsKey,
} from "#shared/config/llama.ts";
import { identifier, modelName } from "#shared/contracts/common.ts";
import { DEFAULT_CONTEXT, DEFAULT_SLOTS, LOOPBACK, PORTS } from "#shared/defaults.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { engineSection, namedTwice } from "./engines.ts";
import { isWildcard } from "./address.ts";

/** A draft model and a chat template fit only one model. */
const { draft_model: _draft, chat_template_file: _template, ...everyWorker } = llamaShape;

/** Settings of the workers of one model, in addition to those of all workers. */
const modelSettings = z.strictObject({
  ...llamaShape,
  lora: z.record(z.string().regex(/^[^=]{1,128}$/, "must be a name without ="), z.string().min(1))
    .default({}),
});

/** Settings of llama.cpp for all workers, and for the workers of single models by name. */
export type WorkerLlama = Pick<PoolConfig["worker"], "llama" | "models">;

/** A number of tokens, or auto. */
const contextKey = z.union([
  z.number().int().min(8),
  z.string().regex(/^(auto|[89]|[1-9]\d{1,8})$/, "must be auto or a number of tokens, 8 or more"),
]);

/** Converts a {@linkcode contextKey}, which may be a number or text. */
export function contextOf(value: z.output<typeof contextKey>): number | "auto" {
  return value === "auto" ? "auto" : Number(value);
}

const httpUrl = z.url({ protocol: /^https?$/ });

/** Every configuration key of pool-managerd; `pool-manager.example.toml` explains each. */
export const poolConfig = z.strictObject({
  ...commonKeys,
  host: hostKey,
  port: portKey(PORTS.poolManagerd),
  token_file: tokenFileKey,
  tls: tlsSection,
  pool_id: identifier.optional().describe("Name of this pool; default: from the host name"),
  advertise_url: httpUrl.optional()
    .describe("URL at which the orchestrator reaches this pool manager; default: its own address"),
  state_dir: z.string().min(1).optional()
    .describe(
      "Folder for the database and worker logs; default: $STATE_DIRECTORY or ~/.local/state",
    ),
  models_dirs: z.array(z.string().min(1)).min(1).optional()
    .describe(
      "Folders with GGUF files; default: /var/lib/llorch/models and ~/.local/share/llorch/models",
    ),
  on_stop: z.enum(["stop", "leave"]).default("stop")
    .describe(
      "When this daemon stops: stop its workers, or leave them for the next start to adopt",
    ),
  orchestrator: z.strictObject({
    url: httpUrl.optional().describe("URL of the orchestrator; without it the pool runs alone"),
    urls: z.array(httpUrl).min(1).max(16)
      .refine((urls) => new Set(urls).size === urls.length, "names one of them twice").optional()
      .describe("URLs of several orchestrators on one database, instead of orchestrator.url"),
    timeout_ms: millis(10_000, "Deadline of a registration or heartbeat"),
    backoff_ms: millis(1_000, "First pause after a failure; it doubles with each"),
    backoff_max_ms: millis(30_000, "Longest pause after a failure"),
    twin_patience_ms: millis(
      60_000,
      "A second pool manager of the same name gives up after being refused for this long",
    ),
    deregister_timeout_ms: millis(5_000, "Longest wait to sign off when this daemon stops"),
  }).prefault({}),
  heartbeat: z.strictObject({
    interval_ms: millis(15_000, "Time between heartbeats until the orchestrator names its own"),
    coalesce_ms: millis(50, "Changes within this time share one heartbeat"),
  }).prefault({}),
  models: z.strictObject({
    rescan_ms: millis(10_000, "Interval at which the models folders are scanned"),
    estimate_deadline_ms: z.number().int().min(0).max(3_600_000).default(30_000).describe(
      "Longest time in which llama.cpp says what a load takes; 0 never asks it, and a formula is used",
    ),
  }).prefault({}),
  devices: z.strictObject({
    cpu: z.enum(["auto", "always"]).default("auto").describe(
      "Whether the CPU runs models; auto: only without a GPU, or when a request names it",
    ),
    cpu_max_bytes: z.number().int().min(1).optional()
      .describe("Most RAM for all workers on the CPU; default: all of it"),
  }).prefault({}),
  worker: z.strictObject({
    host: hostName().default(LOOPBACK).describe("Address that workers bind to"),
    advertise_host: hostName().optional()
      .describe("Host at which the orchestrator reaches workers; default: worker.host"),
    port_base: z.number().int().min(0).max(65_535).default(PORTS.workerBase)
      .describe("First port to try for a worker; 0 takes any free one"),
    default_context: contextKey.default(DEFAULT_CONTEXT)
      .describe(
        "Tokens per slot, at most the model's own; auto: what fits into memory, at most 32768",
      ),
    default_slots: count(DEFAULT_SLOTS, "Slots of a worker unless the request says otherwise"),
    threads: threadsKey.optional()
      .describe("CPU threads of a worker, or auto to measure; default: the worker decides"),
    standby: z.boolean().default(true)
      .describe("After the first swap of models, keep a worker process ready for the next one"),
    llama: z.strictObject(everyWorker).prefault({}),
    models: z.record(modelName, modelSettings).default({})
      .describe("Settings of the workers of one model, by any of its names"),
    start_timeout_ms: millis(
      60_000,
      "A worker that is not ready by then is killed; large files get more time",
    ),
    stop_deadline_ms: millis(30_000, "A worker that still runs this long after SIGTERM is killed"),
    poll_interval_ms: millis(2_000, "Interval of health checks of each worker"),
    unresponsive_ms: millis(30_000, "A worker that fails health checks for this long is killed"),
    adopt_timeout_ms: millis(
      5_000,
      "Deadline for the probe of a worker that is ready or adopted",
    ),
  }).prefault({}),
  staging: z.strictObject({
    max_bytes: count(
      0,
      "Most memory for copies of recently used models, in bytes; 0 makes none",
      0,
    ),
    dir: z.string().regex(/^\//, "must be an absolute path").optional()
      .describe("Folder in memory (tmpfs) for them; default: one in /dev/shm"),
  }).prefault({}),
  saved_slots: z.strictObject({
    max_bytes: count(
      0,
      "Most disk space for saved slots, in bytes; 0 saves none",
      0,
    ),
    expire_ms: millis(300_000, "A saved slot is erased this long after its last use"),
    timeout_ms: millis(5_000, "Longest time to save a worker's slots, and to restore them"),
  }).prefault({}),
  engines: z.record(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, "must be a plain name"),
    engineSection,
  ).default({}).describe("Other servers with OpenAI's API that serve some of the models"),
  limits: limitsSection,
});

/** Configuration of pool-managerd. */
export type PoolConfig = z.output<typeof poolConfig>;

/** How the configuration of pool-managerd is read. */
export const configSpec: ConfigSpec<typeof poolConfig> = {
  program: "pool-managerd",
  summary: "spawns and watches the workers of one host",
  schema: poolConfig,
  defaultFile: "/etc/llorch/pool-manager.toml",
  check: checkConfig,
};

/** Makes a pool id from a host's name: invalid characters become dashes. */
export function poolIdFromHost(hostname: string): string {
  const cleaned = hostname.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, 128);
  return cleaned === "" ? "pool" : cleaned;
}

/** Longest time of an orderly stop, in ms: the workers' deadline, then the deregistration. */
export function stopDeadlineMs(config: PoolConfig): number {
  const goodbye = orchestratorUrls(config).length === 0
    ? 0
    : config.orchestrator.deregister_timeout_ms;
  return goodbye + (config.on_stop === "stop" ? config.worker.stop_deadline_ms : 0);
}

/** Where orchestrators are; none: the pool runs alone. */
export function orchestratorUrls({ orchestrator }: Pick<PoolConfig, "orchestrator">): string[] {
  const { url, urls = [] } = orchestrator;
  return url === undefined ? urls : [url];
}

/**
 * A setting of a model that has no effect or lacks another one.
 *
 * @param name undefined: of all models, where a common setting may be for some of them.
 */
function idleOf(
  name: string | undefined,
  { llama, models }: WorkerLlama,
): Contradiction | undefined {
  if (name === undefined) {
    const idle = idleSetting(llama);
    // A model that is not named would have no draft model.
    if (idle?.key === "draft_model" && llama.speculative === "draft") {
      const message = "draft needs a draft_model, which fits one model: set both in " +
        "[worker.models.NAME]";
      return { key: "speculative", message };
    }
    // Others it may be meant for some models only.
    const isForNone = Object.values(models)
      .every((own) => idleSetting({ ...llama, ...own })?.key === idle?.key);
    return isForNone ? idle : undefined;
  }
  const own = models[name];
  const idle = idleSetting({ ...llama, ...own });
  return idle?.key === "draft_tokens" && own?.draft_tokens === undefined ? undefined : idle;
}

/**
 * Checks keys together.
 *
 * @throws {UsageError} if two engines name the same model, settings of llama.cpp contradict each other, or
 * the orchestrator would get an address that it cannot reach
 */
export function checkConfig(config: PoolConfig): void {
  const twice = namedTwice(config.engines);
  if (twice) {
    const [model, one, other] = twice;
    throw new UsageError(`Cannot tell which engine serves ${model}: ${one} and ${other} name it`);
  }
  const { llama, models } = config.worker;
  for (const [name, own] of [[undefined, {}] as const, ...Object.entries(models)]) {
    const contradiction = contradictionOf({ ...llama, ...own }) ?? idleOf(name, config.worker);
    if (!contradiction) continue;
    const { key, message } = contradiction;
    const where = name === undefined ? ["worker", "llama"] : ["worker", "models", name];
    throw new FaultyKey([...where, key], message);
  }
  const { url, urls } = config.orchestrator;
  if (url !== undefined && urls !== undefined) {
    throw new FaultyKey(["orchestrator", "urls"], "names them all: leave orchestrator.url out");
  }
  if (orchestratorUrls(config).length === 0) return;
  const check = (host: string, hostName: string, advertised: string | undefined, key: string) => {
    if (!isWildcard(host) || advertised !== undefined) return;
    throw new UsageError(
      `Cannot tell the orchestrator where to find ${hostName} ${host}: set ${key}`,
    );
  };
  check(config.host, "host", config.advertise_url, "advertise_url");
  check(config.worker.host, "worker.host", config.worker.advertise_host, "worker.advertise_host");
}
