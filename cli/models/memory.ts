import { ENV } from "#shared/defaults.ts";
import { errorMessage } from "#shared/errors.ts";
import { type Executable, findExecutable } from "#shared/executables.ts";
import type { LoadSize } from "#shared/models/default_load.ts";
import { askEngine, type EngineEstimate } from "#shared/models/engine_estimate.ts";
import type { Context } from "../context.ts";
import type { InstalledModel } from "./installed.ts";

/** How long llama.cpp may take to say what a load needs, in milliseconds. */
const DEADLINE_MS = 30_000;

/** Variables of llorch that its programs need; others would configure the worker. */
const NEEDED: readonly string[] = [ENV.binDir, ENV.runtimeDir];

/** Asks llama.cpp what a load of a model on this machine needs. */
export async function askMemory(
  { path }: InstalledModel,
  { context: tokens, slots }: LoadSize,
  { env, envNames, signal }: Context,
): Promise<EngineEstimate> {
  let worker: Executable;
  try {
    worker = findExecutable("llorch-candled");
  } catch (error) {
    return { problem: errorMessage(error) };
  }
  const args = [`--model=${path}`, `--context=${tokens}`, `--slots=${slots}`];
  const names = envNames().filter((name) => NEEDED.includes(name) || !name.startsWith("LLORCH_"));
  return await askEngine(worker, args, {
    env: Object.fromEntries(names.map((name) => [name, env(name) ?? ""])),
    deadlineMs: DEADLINE_MS,
    signal,
  });
}
