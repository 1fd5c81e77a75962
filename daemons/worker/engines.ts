import { localMemory, localModel } from "./batch/local_model.ts";
import type { WorkerConfig } from "./config.ts";
import { livingThreads } from "./engine/libllama/engine_thread.ts";
import { estimateLibllama } from "./engine/libllama/estimate.ts";
import { describeLibraries } from "./engine/libllama/libraries.ts";
import { loadLibllama } from "./engine/libllama/load.ts";
import type { LoadModel } from "./model.ts";
import { loadOpenai } from "./servers/load.ts";

/** The function that loads a model, for each kind of engine. */
export type Engines = Readonly<Record<WorkerConfig["engine"], LoadModel>>;

/**
 * Whether an engine of this process still computes, or loads: a thread inside C cannot be ended, and
 * the process must not end around it as usual, with the destructors of C.
 */
export function isComputing(): boolean {
  return livingThreads() > 0;
}

/**
 * Which of llama.cpp's libraries this program opens, a line for each folder, after a check.
 *
 * @throws {LlorchError} `WORKER_START_FAILED` that says what is wrong with them, and what to do
 */
export function checkLibraries(): Promise<string[]> {
  return describeLibraries();
}

/** Every kind of engine. */
export const ENGINES: Engines = {
  llama: localModel(loadLibllama),
  openai: loadOpenai,
};

/** Finds out what a load by llama.cpp would take. */
export const estimateMemory = localMemory(estimateLibllama);
