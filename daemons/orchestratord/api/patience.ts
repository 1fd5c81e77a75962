import type { Clock } from "#shared/clock.ts";
import { LlorchError } from "#shared/errors.ts";
import { pause } from "./pause.ts";

/** Pause before another try, in ms, if the error does not say. */
const PAUSE_MS = 1_000;

/** Runs something again and again while that fails only because the database is away. */
export type Patience = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * What goes on in the background has time: a database that is away for some of it is no reason to fail.
 *
 * @param stop Aborts when the service stops: then the last error is thrown.
 */
export function patience(clock: Pick<Clock, "after">, stop: AbortSignal): Patience {
  return async (work) => {
    while (true) {
      try {
        return await work();
      } catch (error) {
        const isAway = error instanceof LlorchError && error.code === "NOT_READY";
        if (stop.aborted || !isAway) throw error;
        await pause(clock, error.retryAfterMs ?? PAUSE_MS, stop);
      }
    }
  };
}
