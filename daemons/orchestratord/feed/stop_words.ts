import type { StopReason } from "../scheduler/state.ts";

/**
 * Why a worker is stopped, for people.
 *
 * @param other Model that is loaded in its place, where that is the reason.
 */
export function stopWords(reason: StopReason, other: string | undefined): string {
  switch (reason) {
    case "evict":
      return `it makes room for ${other ?? "another model"}`;
    case "hung":
      return "it hangs: nothing more was heard of it";
    case "drain":
      return "its pool is taken out of service";
    case "reload":
      return "its model was replaced";
    case "surplus":
      return "one worker less of its model is enough";
    case "unload":
      return "its model is unloaded";
    case "idle":
      return "nobody used it for the time that its model may be idle";
  }
}
