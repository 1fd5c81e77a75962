import { every } from "#shared/beat.ts";
import { systemClock } from "#shared/clock.ts";

/** Options of an {@linkcode OrphanWatch}. */
export interface OrphanOptions {
  /** Time without calls after which an idle worker ends, in milliseconds; 0: never. */
  readonly timeoutMs: number;
  readonly idle: () => boolean;
  /** Called after that time without calls. */
  readonly onOrphan: () => void;
}

/** Detects that the pool manager has lost this worker, which must then end by itself. */
export class OrphanWatch {
  #heardAt = systemClock.steady();
  readonly #stop: (() => void) | undefined;

  constructor(options: OrphanOptions) {
    if (options.timeoutMs === 0) return;
    this.#stop = every(Math.max(10, options.timeoutMs / 10), () => {
      if (!options.idle()) this.heard();
      else if (systemClock.steady() - this.#heardAt > options.timeoutMs) options.onOrphan();
    });
  }

  /** Records a call. */
  heard(): void {
    this.#heardAt = systemClock.steady();
  }

  /** Stops watching. */
  close(): void {
    this.#stop?.();
  }
}
