import type { DeviceKind } from "#shared/contracts/pool.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { kindOf } from "./worker_choice.ts";
import type { WorkerOptions } from "./worker_options.ts";

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
 * @param kind The kind of device, as it was typed.
 * @throws {UsageError} when they make no sense.
 */
export function workerRequest(
  kind: string,
  { model, gpu, context, slots, gpuLayers }: WorkerOptions,
): WorkerRequest {
  const request = { kind: kindOf(kind), model, gpu, context, slots, gpuLayers };
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
