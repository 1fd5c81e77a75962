import type { DeviceKind } from "#shared/contracts/pool.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { kindOf } from "./worker_choice.ts";
import type { WorkerOptions } from "./worker_options.ts";

/** The worker to start. */
export interface WorkerRequest {
  readonly kind: DeviceKind;
  readonly model: string;
  /** Numbers of the devices among those of their kind. */
  readonly gpu: readonly number[] | undefined;
  /** Tokens per slot. */
  readonly context: number | undefined;
  readonly slots: number | undefined;
  /** Layers on the GPU; `fit`: as many as fit. */
  readonly gpuLayers: number | "fit" | undefined;
}

/**
 * The worker that the arguments of `llorch worker start` describe.
 *
 * @param kind The kind of device, as it was typed.
 * @throws {UsageError} when they contradict each other or the kind is unknown.
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
