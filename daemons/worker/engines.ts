import { localModel } from "./batch/local_model.ts";
import type { WorkerConfig } from "./config.ts";
import { loadLlama } from "./engine/llama/load.ts";
import type { LoadModel } from "./model.ts";
import { loadOpenai } from "./servers/load.ts";

/** Loads a model, by the kind of engine that computes it. */
export type Engines = Readonly<Record<WorkerConfig["engine"], LoadModel>>;

/** Every kind of engine that there is. */
export const ENGINES: Engines = {
  llama: localModel(loadLlama),
  openai: loadOpenai,
};
