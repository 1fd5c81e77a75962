import type { DeviceKind } from "#shared/contracts/pool.ts";
import { UsageError } from "#shared/lifecycle.ts";
import type { Invocation } from "../command.ts";
import { integerOption, textOption } from "./option_values.ts";
import { kindOf } from "./worker_choice.ts";

/** A worker that someone asks for. */
export interface WorkerRequest {
  readonly kind: DeviceKind;
  readonly model: string;
  /** Number of the device among those of its kind. */
  readonly gpu: number | undefined;
  /** Tokens per slot. */
  readonly context: number | undefined;
  readonly slots: number | undefined;
  /** Layers on the GPU. */
  readonly gpuLayers: number | undefined;
}

/**
 * What the words after `llorch worker start` ask for.
 *
 * @throws {UsageError} when they make no sense.
 */
export function workerRequest(
  { args: [kind = ""], options }: Pick<Invocation, "args" | "options">,
): WorkerRequest {
  const model = textOption(options, "model");
  if (model === undefined) throw new UsageError("--model is needed: the model that it should hold");
  const request = {
    kind: kindOf(kind),
    model,
    gpu: integerOption(options, "gpu", { min: 0, max: 999 }),
    context: integerOption(options, "context", { min: 8, max: 10_000_000 }),
    slots: integerOption(options, "slots", { min: 1, max: 256 }),
    gpuLayers: integerOption(options, "gpuLayers", { min: 0, max: 10_000 }),
  };
  if (request.kind === "cpu") {
    const senseless = request.gpu !== undefined
      ? "--gpu"
      : request.gpuLayers !== undefined
      ? "--gpu-layers"
      : undefined;
    if (senseless !== undefined) {
      throw new UsageError(`${senseless} makes no sense for cpu: leave it out, or ask for cuda`);
    }
  }
  return request;
}
