import { onAbort } from "#shared/aborts.ts";
import type { Clock } from "#shared/clock.ts";

/** A wait that a call ends; a call without a running wait ends the next one. */
export class Wake {
  readonly #clock: Clock;
  #isCalled = false;
  #resolve: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ends the running wait, or the next one at once. */
  call(): void {
    this.#isCalled = true;
    this.#resolve?.();
  }

  /** Forgets earlier calls, since their changes are being reported now. */
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

  /** Resolves after `ms` or when the signal aborts; calls do not end it. */
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
