import { placeOf } from "#shared/contracts/place.ts";
import type { Device, DeviceKind } from "#shared/contracts/pool.ts";
import type { Executable } from "#shared/executables.ts";
import type { LoadDefaults } from "#shared/models/default_load.ts";
import { askEngine } from "#shared/models/engine_estimate.ts";
import type { FoundModel } from "#shared/models/scan.ts";
import { VERSION } from "#shared/version.ts";
import type { PoolConfig } from "../config.ts";
import { engineOf } from "../engines.ts";
import type { EstimatesOptions } from "../models/estimates.ts";
import { defaultSettings } from "../models/load_figure.ts";
import { settingsOf } from "../models/load_memory.ts";
import type { LoadSettings } from "../models/measurement.ts";
import { loadArgs } from "./worker_command.ts";

/** Dependencies of {@linkcode engineQuestions}. */
export interface QuestionOptions {
  readonly config: Pick<PoolConfig, "worker" | "engines" | "models">;
  readonly findWorker: (kind: string) => Executable;
  /** Environment of the children. */
  readonly env: Readonly<Record<string, string>>;
  readonly defaults: () => LoadDefaults;
  /** The devices as they were last seen. */
  readonly devices: () => readonly Device[];
}

/** How the engine is asked what loads of this pool take. */
export function engineQuestions(
  { config, findWorker, env, defaults, devices }: QuestionOptions,
): Pick<EstimatesOptions, "ask" | "identity" | "loads"> {
  const { worker, engines } = config;
  const { estimate_deadline_ms: deadlineMs } = config.models;
  /** Kinds of device on which models are loaded unless a request names another. */
  const usual = () =>
    devices().filter(({ asked_only, unavailable }) => !asked_only && !unavailable);
  const argsOf = (model: FoundModel, load: LoadSettings): string[] | undefined => {
    const { device_kind: kind, context, slots, gpu_layers: gpuLayers, split } = load;
    const count = split?.layers.length ?? 1;
    const ids = devices().filter((device) => device.kind === kind).map(({ id }) => id);
    if (ids.length < count) return undefined;
    return loadArgs({
      ...{ device: { id: placeOf(ids.slice(0, count)), kind }, split, context, slots, gpuLayers },
      modelPath: model.path,
      projectorPath: model.projector?.path,
      modelNames: [model.model_ref, ...model.aliases],
    }, { threads: worker.threads, llama: worker });
  };
  const commandOf = (kind: DeviceKind) => {
    try {
      return findWorker(kind).command;
    } catch {
      return ""; // Asking will report the error.
    }
  };
  return {
    async ask(model, load, signal) {
      const args = argsOf(model, load);
      if (!args) return { problem: `there are too few devices of the kind ${load.device_kind}` };
      return await askEngine(findWorker(load.device_kind), args, { env, deadlineMs, signal });
    },
    async identity(model) {
      if (deadlineMs === 0 || engineOf(model, engines)) return undefined;
      const settings = settingsOf([model.model_ref, ...model.aliases], worker);
      const beside = [
        settings.draft_model,
        settings.chat_template_file,
        ...Object.values(settings.lora ?? {}),
      ].filter((path) => path !== undefined);
      const kinds = [...new Set(usual().map(({ kind }) => kind))];
      return JSON.stringify([
        VERSION,
        model.fingerprint,
        settings,
        worker.threads,
        devices().map(({ id, name }) => [id, name]),
        await Promise.all(
          [...beside, ...kinds.map((kind) => commandOf(kind))].map(stateOf),
        ),
      ]);
    },
    loads: (model) =>
      [...new Set(usual().map(({ kind }) => kind))].map((kind: DeviceKind) =>
        defaultSettings(model, defaults(), kind)
      ),
  };
}

/** What changes when a file does. */
async function stateOf(path: string): Promise<readonly unknown[]> {
  try {
    const { size, mtime, ino } = await Deno.stat(path);
    return [path, size, mtime?.getTime(), ino];
  } catch {
    return [path];
  }
}
