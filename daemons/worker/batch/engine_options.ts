import { gpuLayersOf, threadsOf } from "#shared/config/llama.ts";
import { modelMemory, withCacheTypes } from "#shared/models/estimate.ts";
import { readGguf } from "#shared/models/gguf.ts";
import { readTemplateFile } from "#shared/models/template_file.ts";
import type { WorkerConfig } from "../config.ts";
import { usableThreads } from "../cores.ts";
import type { EngineOptions } from "../engine/engine.ts";

/** What an engine calls while it loads, and what stops it. */
export interface EngineCalls
  extends Pick<EngineOptions, "onProgress" | "onWarning" | "onCrash" | "signal"> {
  /** More threads are asked for than there are cores. */
  readonly onTooManyThreads: (asked: number | "auto", cores: number) => void;
}

/** The part of {@linkcode engineOptions} that decides how a model is opened. */
export function openingOptions(config: WorkerConfig) {
  return {
    model: config.model,
    gpu: config.gpu,
    gpuLayers: gpuLayersOf(config.gpu_layers),
    memory: async () => withCacheTypes(modelMemory(await readGguf(config.model)), config),
    context: config.context,
    slots: config.slots,
    threads: usableThreads(threadsOf(config.threads)),
    settings: config,
    projector: config.mmproj,
    projectorOnGpu: !config.no_mmproj_offload,
  } satisfies Partial<EngineOptions>;
}

/** The configuration of a worker as its engine takes it. */
export async function engineOptions(
  config: WorkerConfig,
  { onTooManyThreads, ...calls }: EngineCalls,
): Promise<EngineOptions> {
  const opening = openingOptions(config);
  const asked = threadsOf(config.threads);
  if (opening.threads !== asked) onTooManyThreads(asked, Number(opening.threads));
  const { chat_template_file: templateFile } = config;
  return {
    ...opening,
    chatTemplate: templateFile === undefined ? undefined : await readTemplateFile(templateFile),
    adapters: new Map((config.lora ?? []).map((each) => {
      const at = each.indexOf("=");
      return [each.slice(0, at), each.slice(at + 1)];
    })),
    ...calls,
  };
}
