import { isAbsolute, resolve } from "node:path";
import { ENV } from "#shared/defaults.ts";
import { deviceEnv, type EngineSection, gpuNumbers, takesImages } from "../engines.ts";
import { settingsOf } from "../models/load_memory.ts";
import type { WorkerLlama } from "../config.ts";
import type { SpawnPlan, WorkerRecord } from "./record.ts";

/** Settings of all workers of this pool. */
export interface WorkerSettings {
  readonly host: string;
  readonly callbackUrl: string;
  readonly threads: number | string | undefined;
  readonly llama: WorkerLlama;
  /** Time from SIGTERM to SIGKILL, in milliseconds. */
  readonly stopDeadlineMs: number;
  /** Folder of saved slots; undefined: slots are not saved. */
  readonly savedSlotsDir: string | undefined;
  /** What a worker keeps of its slots in memory is erased this long after its last use, in milliseconds. */
  readonly cacheExpireMs: number;
}

/** Kinds of GPU that Vulkan supports, too. */
const VULKAN_TOO: readonly string[] = ["cuda", "rocm"];

/**
 * Names of the worker's variants for a kind of device, fastest first; the plain name comes last.
 */
export function workerNames(kind: string): string[] {
  const kinds = VULKAN_TOO.includes(kind) ? [kind, "vulkan"] : [kind];
  return kinds.map((each) => `llorch-candled-${each}`);
}

/** Share of the stop deadline after which a worker itself ends its streams, each with an error. */
const OWN_SHARE = 5 / 6;

/** A worker's arguments, without its tokens, since every process can read argv. */
export function workerArgs(
  plan: SpawnPlan,
  record: WorkerRecord,
  settings: WorkerSettings,
): string[] {
  // Only our own worker has slots that it can save.
  const savedSlotsDir = plan.engine ? undefined : settings.savedSlotsDir;
  return [
    ["--worker-id", record.worker_id],
    ["--model-ref", record.model_ref],
    ["--host", settings.host],
    ["--port", String(record.port)],
    ["--callback-url", settings.callbackUrl],
    ["--stop-deadline-ms", String(Math.ceil(settings.stopDeadlineMs * OWN_SHARE))],
    ...(savedSlotsDir === undefined ? [] : [["--saved-slots-dir", savedSlotsDir]]),
    ...(plan.engine ? [] : [["--cache-expire-ms", String(settings.cacheExpireMs)]]),
    loadArgs(plan, settings),
    ...(plan.engine ? engineArgs(plan) : []),
  ].flat();
}

/** What a worker is to load. */
export type LoadPlan = Pick<
  SpawnPlan,
  | "projectorPath"
  | "modelPath"
  | "modelNames"
  | "device"
  | "split"
  | "context"
  | "slots"
  | "gpuLayers"
  | "engine"
>;

/** The part of a worker's arguments on which the memory of its load depends. */
export function loadArgs(
  plan: LoadPlan,
  { threads, llama }: Pick<WorkerSettings, "threads" | "llama">,
): string[] {
  const optional: [string, number | string | undefined][] = [
    ["--threads", threads],
    ["--gpu-layers", plan.gpuLayers ?? undefined],
    ["--split", plan.split?.mode],
    ["--split-ratio", plan.split?.layers.join()],
  ];
  return [
    ["--model", plan.modelPath],
    ...(plan.projectorPath === undefined || plan.engine ? [] : [["--mmproj", plan.projectorPath]]),
    ["--gpu", plan.device.kind === "cpu" ? "none" : gpuNumbers(plan.device.id)],
    ["--context", String(plan.context)],
    ["--slots", String(plan.slots)],
    ...optional.flatMap(([flag, value]) => value === undefined ? [] : [[flag, String(value)]]),
    ...(plan.engine ? [] : llamaArgs(plan, llama)),
  ].flat();
}

/** llama.cpp's settings for the model: those of all workers, overridden by those of the model. */
function llamaArgs({ modelNames }: LoadPlan, { llama, models }: WorkerLlama): string[][] {
  // The spawn plan has decided which devices hold which layers.
  const { lora = {}, gpu_layers: _l, split: _s, split_ratio: _r, ...settings } = settingsOf(
    modelNames,
    { llama, models },
  );
  return [
    ...Object.entries(settings).flatMap(([key, value]) => {
      const flag = `--${key.replaceAll("_", "-")}`;
      if (value === undefined || value === false) return [];
      return [value === true ? [flag] : [flag, String(value)]];
    }),
    ...Object.entries(lora).map(([name, path]) => ["--lora", `${name}=${path}`]),
  ];
}

/** Arguments of a worker that serves a model by another server instead of loading a file itself. */
function engineArgs({ engine, request, modelPath }: SpawnPlan): string[][] {
  if (!engine) return [];
  const hasFile = isAbsolute(modelPath);
  return [
    ["--engine", "openai"],
    ...(engine.url === undefined
      ? startArgs(engine)
      : elsewhereArgs({ ...engine, url: engine.url })),
    ...(engine.health_path === undefined ? [] : [["--openai-health-path", engine.health_path]]),
    ...(takesImages(engine) ? [["--openai-vision"]] : []),
    // Not for a file: the worker computes that fingerprint, so that its callback proves what it
    // loaded.
    ...(hasFile ? [] : [["--fingerprint", request.fingerprint]]),
  ];
}

function startArgs({ command }: EngineSection): string[][] {
  return [["--openai-command", JSON.stringify(command)]];
}

/** Time between two health checks of a server elsewhere, in milliseconds: others run it. */
const LOOK_ELSEWHERE_MS = 10_000;

/** The key itself stays in its file: every process can read argv. */
function elsewhereArgs(
  { url, api_key_file, ca_file }: EngineSection & { readonly url: string },
): string[][] {
  return [
    ["--openai-url", url],
    ["--openai-poll-interval-ms", String(LOOK_ELSEWHERE_MS)],
    ...(api_key_file === undefined ? [] : [["--openai-api-key-file", resolve(api_key_file)]]),
    ...(ca_file === undefined ? [] : [["--openai-ca-file", resolve(ca_file)]]),
  ];
}

/** Variables for this process and not for its children. */
const OURS = [
  ...["JOURNAL_STREAM", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"],
  ...["STATE_DIRECTORY", "CACHE_DIRECTORY", "CREDENTIALS_DIRECTORY"],
];

/** Variables of llorch that workers need, too: paths of executables and of their runtime. */
const SHARED: readonly string[] = [ENV.binDir, ENV.runtimeDir];

/**
 * A worker's environment: ours without the `LLORCH_*` variables, which would configure the worker
 * or are secrets, plus the worker's two tokens. An engine inherits it from the worker, without
 * llorch's variables.
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

/** The part of the environment that is the same for all workers. */
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
    // In traces, the worker must not have our name.
    ...("OTEL_DENO" in ours ? { OTEL_SERVICE_NAME: "llorch-candled" } : {}),
  };
}

/** The part of the environment of one worker. */
export function tokenEnv({ token, spawn_token }: WorkerRecord): Record<string, string> {
  return { [ENV.workerToken]: token, [ENV.spawnToken]: spawn_token };
}
