import { onAbort } from "#shared/aborts.ts";
import { isAbsolute, join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { type Executable, findExecutable } from "#shared/executables.ts";
import { followUs } from "#shared/launcher.ts";
import { forLlama } from "#shared/for_llama.ts";
import { scanModels } from "#shared/models/scan.ts";
import { runInForeground } from "#shared/run_program.ts";
import type { Context } from "../context.ts";
import { searchDirs } from "../models/installed.ts";
import { modelAdvice } from "./model_advice.ts";
import { chooseModel, modelMissing } from "./worker_choice.ts";
import type { WorkerRequest } from "./worker_request.ts";

/**
 * Runs a worker without a pool manager in the foreground until it ends. It has our terminal, and an
 * interrupt is passed on to it.
 *
 * @returns its exit code
 */
export async function runStandalone(request: WorkerRequest, context: Context): Promise<number> {
  const path = await modelPath(request.model, context);
  const { command, args } = findExecutable("llorch-candled", [`llorch-candled-${request.kind}`]);
  const worker = { command, args: [...args, ...standaloneArgs(request, path)] };
  return await foreground(forLlama(worker), context);
}

/** The arguments of a worker without a pool manager. */
export function standaloneArgs(request: WorkerRequest, path: string): string[] {
  const { kind, gpu, context, slots, gpuLayers } = request;
  // Without a number, a build that has no GPU backend would silently compute on the CPU.
  const device = kind === "cpu" ? "none" : gpu?.join() ?? 0;
  return [
    "--standalone",
    `--model=${path}`,
    `--gpu=${device}`,
    ...(context === undefined ? [] : [`--context=${context}`]),
    ...(slots === undefined ? [] : [`--slots=${slots}`]),
    ...(gpuLayers === undefined ? [] : [`--gpu-layers=${gpuLayers}`]),
  ];
}

/** The file of a model: the path that was given, otherwise the one in the models folders. */
async function modelPath(name: string, context: Context): Promise<string> {
  if (/\.gguf$/i.test(name)) {
    const path = name.replace(/^file:/, "");
    return isAbsolute(path) ? path : join(context.cwd, path);
  }
  const { models } = await scanModels(await searchDirs(context));
  const model = chooseModel(models, name);
  if (model !== undefined) return model.path;
  throw modelMissing(models, name, await modelAdvice(name, context));
}

async function foreground(worker: Executable, { signal }: Context): Promise<number> {
  try {
    return await runInForeground(
      worker,
      { env: followUs() },
      (send) => onAbort(signal, () => send("SIGINT")),
    );
  } catch (error) {
    throw new LlorchError("WORKER_START_FAILED", `Cannot start ${worker.command}`, {
      cause: error,
    });
  }
}
