import { onAbort } from "#shared/aborts.ts";
import type { Clock } from "#shared/clock.ts";

/** Waits until a time is over or the signal aborts. */
export function pause(clock: Pick<Clock, "after">, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const drop = clock.after(ms, () => {
      forget();
      resolve();
    });
    const forget = onAbort(signal, () => {
      drop();
      resolve();
    });
  });
}
