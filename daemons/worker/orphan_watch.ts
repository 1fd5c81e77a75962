import { systemClock } from "#shared/clock.ts";

/** What an {@linkcode OrphanWatch} looks at. */
export interface OrphanOptions {
  /** Silence after which an idle worker ends, in milliseconds; 0 never. */
  readonly timeoutMs: number;
  readonly idle: () => boolean;
  /** Nobody called for too long. */
  readonly onOrphan: () => void;
}

/** Ends a worker that its pool manager has forgotten or left behind: nobody else would. */
export class OrphanWatch {
  #heardAt = systemClock.steady();
  readonly #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: OrphanOptions) {
    if (options.timeoutMs === 0) return;
    this.#timer = setInterval(() => {
      if (!options.idle()) this.heard();
      else if (systemClock.steady() - this.#heardAt > options.timeoutMs) options.onOrphan();
    }, Math.max(10, options.timeoutMs / 10));
  }

  /** Somebody called. */
  heard(): void {
    this.#heardAt = systemClock.steady();
  }

  /** Stops watching. */
  close(): void {
    clearInterval(this.#timer);
  }
}
