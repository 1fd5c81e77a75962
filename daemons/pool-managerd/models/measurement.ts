import type { DeviceKind } from "#shared/contracts/pool.ts";

/** How several GPUs divide a model. */
export interface LoadSplit {
  readonly mode: string;
  /** Layers on each of them. */
  readonly layers: readonly number[];
}

/** Settings that determine the memory of a load. */
export interface LoadSettings {
  readonly device_kind: DeviceKind;
  /** Tokens per slot. */
  readonly context: number;
  readonly slots: number;
  /** Layers on the device; null: all of them. */
  readonly gpu_layers: number | null;
  /** Undefined: it is on one device. */
  readonly split?: LoadSplit | undefined;
}

/** Memory that a load actually took on its device. */
export interface Measurement extends LoadSettings {
  readonly memory_bytes: number;
}

/**
 * The best measurement for estimating a load: one with the same settings, otherwise the newest with
 * the same kind of device, GPU layers and split; undefined without either.
 *
 * @param measurements Those of the model, newest first; or figures of its engine.
 */
export function nearest<M extends LoadSettings>(
  measurements: readonly M[],
  settings: LoadSettings,
): M | undefined {
  const alike = measurements.filter((each) =>
    sameLoad({ ...each, context: settings.context, slots: settings.slots }, settings)
  );
  return alike.find((each) => sameLoad(each, settings)) ?? alike[0];
}

/** Whether two loads have the same settings. */
export function sameLoad(one: LoadSettings, other: LoadSettings): boolean {
  return one.device_kind === other.device_kind && one.context === other.context &&
    one.slots === other.slots && one.gpu_layers === other.gpu_layers &&
    one.split?.mode === other.split?.mode &&
    one.split?.layers.join() === other.split?.layers.join();
}
