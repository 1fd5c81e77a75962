/** The time of every age and countdown on the page: the service's, changed once a second. */
import { Store, useStore } from "./store.ts";

/** A difference to the service's clock that is not worth a jump, in ms. */
const TOLERANCE_MS = 1_500;

const now = new Store(Date.now());
let ahead = 0;

/**
 * Takes the service's time from an event: the browser's clock may be wrong.
 *
 * @param ms Since the epoch.
 */
export function takeTime(ms: number): void {
  const found = ms - Date.now();
  if (Math.abs(found - ahead) < TOLERANCE_MS) return;
  ahead = found;
  now.set(Date.now() + ahead);
}

/** Moves the time on until the returned function is called. */
export function runClock(): () => void {
  const timer = setInterval(() => now.set(Date.now() + ahead), 1000);
  return () => clearInterval(timer);
}

/** The current time in ms since the epoch; renders again every second. */
export function useNow(): number {
  return useStore(now, (ms) => ms);
}
