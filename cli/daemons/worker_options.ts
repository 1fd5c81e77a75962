import { JSON_OPTION, needed, QUIET_OPTION, text, type ValuesOf, wholeNumber } from "../options.ts";
import { POOL_MANAGERD, urlOption } from "./kind.ts";

/** Options of the command that starts a worker. */
export const WORKER_OPTIONS = {
  model: needed(
    text("-m, --model <model>", "The model to hold (needed)", { values: "models" }),
    "--model is needed: the model that it should hold",
  ),
  gpu: wholeNumber(
    "--gpu <number>",
    "Which device of its kind; else the one with most room",
    { min: 0, max: 999 },
  ),
  context: wholeNumber(
    "--context <tokens>",
    "Tokens per slot; else what the pool manager takes",
    { min: 8, max: 10_000_000 },
  ),
  slots: wholeNumber(
    "--slots <count>",
    "Requests side by side; else what the pool manager takes",
    { min: 1, max: 256 },
  ),
  gpuLayers: wholeNumber(
    "--gpu-layers <count>",
    "Layers to keep on the GPU; else what the pool manager takes, mostly all",
    { min: 0, max: 10_000 },
  ),
  url: urlOption(POOL_MANAGERD),
  json: JSON_OPTION,
  quiet: QUIET_OPTION,
};

/** What a person wants of a worker. */
export type WorkerOptions = ValuesOf<typeof WORKER_OPTIONS>;
