import { type LlamaSettings, overridesOf, readRatio } from "#shared/config/llama.ts";
import type { DeviceRoom } from "#shared/models/device_split.ts";
import { type Load, type ModelMemory, splitMemory } from "#shared/models/estimate.ts";
import { fittingClaims, fittingLayers } from "#shared/models/fitting_layers.ts";
import type { DeviceFacts, ModelOrder } from "./thread/messages.ts";

/** What holds the layers of a model: the part of a {@linkcode ModelOrder} that settings decide. */
export type Holders = Pick<
  ModelOrder,
  "devices" | "gpuLayers" | "split" | "ratio" | "overrides"
>;

/** Facts from which {@linkcode holdersOf} decides. */
export interface HolderFacts {
  /** The GPUs that hold the model; none: the CPU. */
  readonly gpus: readonly DeviceFacts[];
  readonly gpuLayers: number | "fit" | undefined;
  readonly settings: Pick<
    LlamaSettings,
    "split" | "split_ratio" | "cpu_moe" | "cpu_moe_layers" | "tensor_overrides"
  >;
  /** Decides how many layers fit. */
  readonly memory?: ModelMemory | undefined;
  readonly load: Omit<Load, "gpuLayers">;
}

/** Decides what holds the layers of a model. With `fit`, as many layers as fit are on the GPUs. */
export function holdersOf({ gpus, gpuLayers, settings, memory, load }: HolderFacts): Holders {
  const { split, split_ratio } = settings;
  const isSplit = gpus.length > 1;
  const ratio = isSplit && split_ratio !== undefined ? readRatio(split_ratio) : undefined;
  const fitting = gpuLayers === "fit" ? fit(gpus, memory, load, ratio) : { gpuLayers, ratio: [] };
  return {
    devices: gpus.map(({ name }) => name),
    gpuLayers: fitting.gpuLayers,
    split: isSplit && split !== undefined ? split : "layer",
    ratio: ratio ?? fitting.ratio,
    overrides: overridesOf(settings),
  };
}

function fit(
  gpus: readonly DeviceFacts[],
  memory: ModelMemory | undefined,
  load: Omit<Load, "gpuLayers">,
  ratio: readonly number[] | undefined,
): { gpuLayers: number | undefined; ratio: readonly number[] } {
  const rooms: DeviceRoom[] = gpus.map(({ name, freeBytes }) => ({
    device: name,
    bytes: freeBytes * SHARE,
  }));
  const [only] = rooms;
  if (!only || !memory) return { gpuLayers: undefined, ratio: [] };
  if (rooms.length === 1) return { gpuLayers: fittingLayers(memory, load, only.bytes), ratio: [] };
  if (memory.block_count === undefined) return { gpuLayers: undefined, ratio: [] };
  const most = fittingClaims(memory, rooms, (gpuLayers) => {
    const divided = splitMemory(memory, { ...load, gpuLayers });
    return divided && { ...divided, ratio };
  });
  return most
    ? { gpuLayers: most.gpuLayers, ratio: most.claims.map(({ layers }) => layers) }
    : { gpuLayers: 0, ratio: [] };
}

/** Part of a GPU's free memory that a load takes; the figures are estimates. */
const SHARE = 0.95;
