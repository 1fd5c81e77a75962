import { type Clock, systemClock } from "#shared/clock.ts";
import { LlorchError } from "#shared/errors.ts";
import { delay } from "#shared/lifecycle.ts";

/** Longest pause before a server that says nothing of it is asked again, in milliseconds. */
const LONGEST_MS = 10_000;

/** Errors of a server that takes the same request later. */
const PASSING: ReadonlySet<string> = new Set(["QUEUE_FULL", "NOT_READY"]);

/** The wait of one request for a server. */
export interface Wait {
  /**
   * Resolves when the server may be asked.
   *
   * @throws {LlorchError} its last error, if that will be later than the request can wait
   */
  untilFree(signal: AbortSignal): Promise<void>;
  /** Takes an error of the server; throws it, unless the request is to wait and try again. */
  failed(error: unknown): void;
}

/**
 * The pause that a busy server has asked for. All its requests keep it: while one of them knows that
 * the server takes nothing, no other asks.
 */
export class Pause {
  readonly #patienceMs: number;
  readonly #clock: Pick<Clock, "steady">;
  /** When it is asked again. */
  #until = -Infinity;
  /** When it takes requests again, as it has said. */
  #said = -Infinity;
  #error: LlorchError | undefined;

  /** @param patienceMs How long a request waits in all; 0: never. */
  constructor(patienceMs: number, clock: Pick<Clock, "steady"> = systemClock) {
    this.#patienceMs = patienceMs;
    this.#clock = clock;
  }

  begin(): Wait {
    const latest = this.#clock.steady() + this.#patienceMs;
    let tries = 0;
    return {
      untilFree: async (signal) => {
        const ms = this.#until - this.#clock.steady();
        if (ms > 0 && this.#error && this.#said > latest) throw this.#error;
        if (ms > 0) await delay(ms, signal);
      },
      failed: (error) => {
        if (this.#patienceMs === 0 || !isPassing(error)) throw error;
        const now = this.#clock.steady();
        const own = Math.min(LONGEST_MS, 1000 * 2 ** tries++);
        const asked = now + Math.max(error.retryAfterMs ?? 0, own);
        // Whatever it says: it may take requests again long before that.
        this.#until = Math.max(this.#until, Math.min(asked, now + this.#patienceMs));
        this.#said = asked;
        this.#error = error;
        if (asked > latest) throw error;
      },
    };
  }
}

function isPassing(error: unknown): error is LlorchError {
  return error instanceof LlorchError && PASSING.has(error.code);
}
