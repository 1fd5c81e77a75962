import type { Option } from "../../../command.ts";

/** Where a model is meant to be. */
export const PLACE_OPTIONS: readonly Option[] = [
  { flags: "--pool <pool>", summary: "Only on this pool" },
  { flags: "--device <device>", summary: "Only on devices of this name, such as cuda0 or cpu" },
];
