import {
  JSON_OPTION,
  needed,
  QUIET_OPTION,
  text,
  type ValuesOf,
  wholeNumber,
  wholeNumberOr,
  wholeNumbers,
} from "../options.ts";
import { POOL_MANAGERD, urlOption } from "./kind.ts";

/** Options of the command that starts a worker. */
export const WORKER_OPTIONS = {
  model: needed(
    text("-m, --model <model>", "The model to load (required)", { values: "models" }),
    "--model is required: the model that the worker should load",
  ),
  gpu: wholeNumbers(
    "--gpu <numbers>",
    "Number of the device of this kind, or several that hold the model together: 0,1 " +
      "(default: the one with the most free memory)",
    { min: 0, max: 999 },
  ),
  context: wholeNumber(
    "--context <tokens>",
    "Tokens per slot (default: chosen by the pool manager)",
    { min: 8, max: 10_000_000 },
  ),
  slots: wholeNumber(
    "--slots <count>",
    "Requests at the same time (default: chosen by the pool manager)",
    { min: 1, max: 256 },
  ),
  gpuLayers: wholeNumberOr(
    "fit",
    "--gpu-layers <count>",
    "Layers to keep on the GPU, or fit (default: chosen by the pool manager, usually all)",
    { min: 0, max: 10_000 },
  ),
  url: urlOption(POOL_MANAGERD),
  json: JSON_OPTION,
  quiet: QUIET_OPTION,
};

/** Values of {@linkcode WORKER_OPTIONS}. */
export type WorkerOptions = ValuesOf<typeof WORKER_OPTIONS>;
