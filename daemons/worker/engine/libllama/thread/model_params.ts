import { CONSTANTS, FIELDS } from "../c/abi.ts";
import { addressOf, addressOfBuffer, cString, setFields } from "../c/c_values.ts";
import { layoutOf } from "../c/layout.ts";
import { devices, type Library } from "../c/library.ts";
import type { ModelOrder } from "./messages.ts";

const PARAMS = layoutOf(FIELDS.llama_model_params);
const OVERRIDE = layoutOf(FIELDS.llama_model_tensor_buft_override);

/** Parameters of a load, with the memory that they point to. */
export interface ModelParams {
  readonly params: Uint8Array<ArrayBuffer>;
  /** What C reads as long as the model lives. */
  readonly keeps: readonly (Uint8Array | BigUint64Array | Float32Array)[];
}

/** Further fields of a load. */
export type ModelFields = Partial<Record<"no_alloc" | "load_mode", boolean | number>>;

/**
 * The parameters of a load.
 *
 * @param onProgress Address of the callback.
 * @param more Fields that replace those of the order.
 * @throws if an override names a device that the load does not have
 */
export function modelParams(
  library: Library,
  order: ModelOrder,
  onProgress: number,
  more: ModelFields = {},
): ModelParams {
  const { llama, ggml } = library;
  const all = devices(library);
  const own = order.devices.flatMap((name) => all.find((each) => each.name === name) ?? []);
  // Both lists end with a null.
  const list = new BigUint64Array(own.length + 1);
  list.set(own.map(({ pointer }) => BigInt(addressOf(pointer))));
  const ratio = new Float32Array(Number(llama.llama_max_devices()));
  ratio.set(order.ratio);
  const overrides = new Uint8Array((order.overrides.length + 1) * OVERRIDE.size);
  const patterns = order.overrides.map(({ pattern, gpu }, index) => {
    const device = gpu === undefined ? undefined : own[gpu];
    if (gpu !== undefined && !device) {
      const many = own.length === 1 ? "1 GPU" : `${own.length} GPUs`;
      throw new Error(`tensor_overrides names gpu${gpu}, and the worker has ${many}`);
    }
    const type = device
      ? ggml.ggml_backend_dev_buffer_type(device.pointer)
      : ggml.ggml_backend_cpu_buffer_type();
    const text = cString(pattern);
    setFields(
      overrides.subarray(index * OVERRIDE.size, (index + 1) * OVERRIDE.size),
      FIELDS.llama_model_tensor_buft_override,
      OVERRIDE,
      { pattern: addressOfBuffer(text), buft: addressOf(type) },
    );
    return text;
  });
  const params = llama.llama_model_default_params();
  setFields(params, FIELDS.llama_model_params, PARAMS, {
    devices: addressOfBuffer(list),
    n_gpu_layers: own.length > 0 ? order.gpuLayers ?? -1 : 0,
    progress_callback: onProgress,
    split_mode: SPLIT_MODES[order.split],
    load_mtp: order.drafts,
    ...(order.ratio.length > 0 ? { tensor_split: addressOfBuffer(ratio) } : {}),
    ...(patterns.length > 0 ? { tensor_buft_overrides: addressOfBuffer(overrides) } : {}),
    ...loadMode(order),
    ...more,
  });
  return { params, keeps: [list, ratio, overrides, ...patterns] };
}

/** Values of `llama_split_mode`. */
const SPLIT_MODES = {
  none: CONSTANTS.LLAMA_SPLIT_MODE_NONE,
  layer: CONSTANTS.LLAMA_SPLIT_MODE_LAYER,
  row: CONSTANTS.LLAMA_SPLIT_MODE_ROW,
  tensor: CONSTANTS.LLAMA_SPLIT_MODE_TENSOR,
} as const;

/** Values of `llama_load_mode`; without a wish, the library chooses. */
function loadMode({ mapsFile, locksMemory }: ModelOrder): { load_mode?: number } {
  if (mapsFile) return locksMemory ? { load_mode: CONSTANTS.LLAMA_LOAD_MODE_MMAP_MLOCK } : {};
  return {
    load_mode: locksMemory ? CONSTANTS.LLAMA_LOAD_MODE_MLOCK : CONSTANTS.LLAMA_LOAD_MODE_NONE,
  };
}
