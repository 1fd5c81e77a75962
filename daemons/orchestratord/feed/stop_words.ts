import type { StopReason } from "../scheduler/state.ts";

/**
 * Why a worker is stopped, for people.
 *
 * @param other Name of the model that it is evicted for.
 */
export function stopWords(reason: StopReason, other: string | undefined): string {
  switch (reason) {
    case "evict":
      return `it makes room for ${other ?? "another model"}`;
    case "hung":
      return "it hangs and no longer responds";
    case "drain":
      return "its pool is taken out of service";
    case "reload":
      return "its model was replaced";
    case "surplus":
      return "its model needs one worker less";
    case "unload":
      return "its model is unloaded";
    case "idle":
      return "it was idle for as long as its model may be";
  }
}
