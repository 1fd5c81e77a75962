import { localModel } from "./batch/local_model.ts";
import type { WorkerConfig } from "./config.ts";
import { loadLibllama } from "./engine/libllama/load.ts";
import type { LoadModel } from "./model.ts";
import { loadOpenai } from "./servers/load.ts";

/** The function that loads a model, for each kind of engine. */
export type Engines = Readonly<Record<WorkerConfig["engine"], LoadModel>>;

/** Every kind of engine. */
export const ENGINES: Engines = {
  llama: localModel(loadLibllama),
  openai: loadOpenai,
};
