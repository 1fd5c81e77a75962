import { onAbort } from "#shared/aborts.ts";
import type { Clock } from "#shared/clock.ts";

/** A sleep that can be called awake; calls that come while nobody sleeps count for the next wait. */
export class Wake {
  readonly #clock: Clock;
  #isCalled = false;
  #resolve: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ends the wait that runs, or the next one at once. */
  call(): void {
    this.#isCalled = true;
    this.#resolve?.();
  }

  /** Forgets earlier calls: what they told is being looked at now. */
  clear(): void {
    this.#isCalled = false;
  }

  /** Resolves after `ms`, or at a call. */
  wait(ms: number): Promise<void> {
    if (this.#isCalled) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, () => this.#resolve?.());
      this.#resolve = () => {
        cancel();
        this.#resolve = undefined;
        resolve();
      };
    });
  }

  /** Resolves after `ms` whatever is called, or when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        cancel();
        forget();
        resolve();
      };
      const cancel = this.#clock.after(ms, end);
      const forget = onAbort(signal, end);
    });
  }
}
