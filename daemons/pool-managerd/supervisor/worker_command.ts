import { isAbsolute } from "node:path";
import { ENV } from "#shared/defaults.ts";
import { deviceEnv } from "../engines.ts";
import { settingsOf } from "../models/load_memory.ts";
import type { WorkerLlama } from "../config.ts";
import type { SpawnPlan, WorkerRecord } from "./record.ts";

/** What every worker of this pool is told alike. */
export interface WorkerSettings {
  readonly host: string;
  readonly callbackUrl: string;
  readonly threads: number | string | undefined;
  readonly llama: WorkerLlama;
  /** From SIGTERM to SIGKILL. */
  readonly stopDeadlineMs: number;
  /** Undefined: it saves no slot. */
  readonly savedSlotsDir: string | undefined;
}

/** Kinds of GPU that Vulkan drives as well. */
const VULKAN_TOO: readonly string[] = ["cuda", "rocm"];

/** Names of the workers for a kind of device, the fastest first; the nameless one comes after them. */
export function workerNames(kind: string): string[] {
  const kinds = VULKAN_TOO.includes(kind) ? [kind, "vulkan"] : [kind];
  return kinds.map((each) => `llorch-candled-${each}`);
}

/** Share of the stop deadline after which a worker itself cuts its streams, with a word to each. */
const OWN_SHARE = 5 / 6;

/** A worker's arguments. Its tokens are not among them: anybody may read argv. */
export function workerArgs(
  plan: SpawnPlan,
  record: WorkerRecord,
  settings: WorkerSettings,
): string[] {
  const optional: [string, number | string | undefined][] = [
    ["--threads", settings.threads],
    ["--gpu-layers", plan.gpuLayers ?? undefined],
    ["--saved-slots-dir", settings.savedSlotsDir],
  ];
  return [
    ["--worker-id", record.worker_id],
    ["--model", plan.modelPath],
    ["--model-ref", record.model_ref],
    ["--gpu", plan.device.kind === "cpu" ? "none" : plan.device.id.replace(/^\D+/, "")],
    ["--host", settings.host],
    ["--port", String(record.port)],
    ["--callback-url", settings.callbackUrl],
    ["--context", String(record.context)],
    ["--slots", String(record.slots)],
    ["--stop-deadline-ms", String(Math.ceil(settings.stopDeadlineMs * OWN_SHARE))],
    ...optional.flatMap(([flag, value]) => value === undefined ? [] : [[flag, String(value)]]),
    ...(plan.engine ? engineArgs(plan) : llamaArgs(plan, settings.llama)),
  ].flat();
}

/** How llama.cpp is to compute this model: what all workers are told, and over it what its own are. */
function llamaArgs({ modelNames }: SpawnPlan, { llama, models }: WorkerLlama): string[][] {
  // The layers on a GPU were decided with the spawn.
  const { lora = {}, gpu_layers: _, ...settings } = settingsOf(modelNames, { llama, models });
  return [
    ...Object.entries(settings).flatMap(([key, value]) => {
      const flag = `--${key.replaceAll("_", "-")}`;
      if (value === undefined || value === false) return [];
      return [value === true ? [flag] : [flag, String(value)]];
    }),
    ...Object.entries(lora).map(([name, path]) => ["--lora", `${name}=${path}`]),
  ];
}

/** What tells a worker to stand before another server instead of loading a file itself. */
function engineArgs({ engine, request, modelPath }: SpawnPlan): string[][] {
  if (!engine) return [];
  const hasFile = isAbsolute(modelPath);
  return [
    ["--engine", "openai"],
    ["--openai-command", JSON.stringify(engine.command)],
    ["--openai-health-path", engine.health_path],
    // The worker reads that of a file itself, so that the check of its callback means something.
    ...(hasFile ? [] : [["--fingerprint", request.fingerprint]]),
  ];
}

/** Variables that speak to this process, not to its children. */
const OURS = [
  ...["JOURNAL_STREAM", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"],
  ...["STATE_DIRECTORY", "CACHE_DIRECTORY", "CREDENTIALS_DIRECTORY"],
];

/** Variables of llorch that a worker needs as well: where executables are and unpack. */
const SHARED: readonly string[] = [ENV.binDir, ENV.runtimeDir];

/**
 * A worker's environment: ours, less every `LLORCH_*` that configures us (it would configure the
 * worker too) and our own API token, plus the worker's two tokens. An engine inherits it from the
 * worker, less what is llorch's.
 */
export function workerEnv(
  ours: Readonly<Record<string, string>>,
  record: WorkerRecord,
  logLevel: string,
  { engine, device }: Pick<SpawnPlan, "engine" | "device">,
): Record<string, string> {
  return {
    ...processEnv(ours, logLevel),
    ...(engine ? { ...deviceEnv(device), ...engine.env } : {}),
    ...tokenEnv(record),
  };
}

/** The part of a worker's environment that is every worker's. */
export function processEnv(
  ours: Readonly<Record<string, string>>,
  logLevel: string,
): Record<string, string> {
  const kept = Object.entries(ours).filter(([name]) =>
    SHARED.includes(name) || !name.startsWith("LLORCH_") && !OURS.includes(name)
  );
  return {
    ...Object.fromEntries(kept),
    LLORCH_LOG_LEVEL: logLevel,
    // Where traces are taken, the worker is not to go by our name.
    ...("OTEL_DENO" in ours ? { OTEL_SERVICE_NAME: "llorch-candled" } : {}),
  };
}

/** The part that is one worker's alone. */
export function tokenEnv({ token, spawn_token }: WorkerRecord): Record<string, string> {
  return { [ENV.workerToken]: token, [ENV.spawnToken]: spawn_token };
}
