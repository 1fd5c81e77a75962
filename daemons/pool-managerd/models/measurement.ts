import type { DeviceKind } from "#shared/contracts/pool.ts";

/** What decides how much memory a load of a model takes. */
export interface LoadSettings {
  readonly device_kind: DeviceKind;
  /** Tokens per slot. */
  readonly context: number;
  readonly slots: number;
  /** Layers on the device; null: all of them. */
  readonly gpu_layers: number | null;
}

/** What a load really took on its device. */
export interface Measurement extends LoadSettings {
  readonly memory_bytes: number;
}

/**
 * The measurement that tells most of a load to come: one of the very same settings, else the newest on
 * the same kind of device with the same layers on it; undefined where there is neither.
 *
 * @param measurements Those of the model, newest first.
 */
export function nearest(
  measurements: readonly Measurement[],
  settings: LoadSettings,
): Measurement | undefined {
  const alike = measurements.filter(({ device_kind, gpu_layers }) =>
    device_kind === settings.device_kind && gpu_layers === settings.gpu_layers
  );
  return alike.find(({ context, slots }) =>
    context === settings.context && slots === settings.slots
  ) ?? alike[0];
}
