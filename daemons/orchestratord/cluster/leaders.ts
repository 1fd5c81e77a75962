/** Ends what was passed on to leaders of earlier terms, some time after a later one has begun. */
export class Leaders {
  readonly #graceMs: () => number;
  readonly #gone = new Map<number, AbortController>();
  readonly #superseded = new Map<number, AbortController>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  /** @param graceMs How long one that leads no more may go on with streams. */
  constructor(graceMs: () => number) {
    this.#graceMs = graceMs;
  }

  /** Aborts when the leader of a term is gone. */
  gone(term: number): AbortSignal {
    let controller = this.#gone.get(term);
    if (!controller) this.#gone.set(term, controller = new AbortController());
    return controller.signal;
  }

  /** Aborts when a later term has begun: what is not answered yet can be asked there. */
  superseded(term: number): AbortSignal {
    let controller = this.#superseded.get(term);
    if (!controller) this.#superseded.set(term, controller = new AbortController());
    return controller.signal;
  }

  /** To be called with each term that is seen. */
  saw(term: number): void {
    for (const [earlier, controller] of this.#superseded) {
      if (earlier >= term) continue;
      this.#superseded.delete(earlier);
      controller.abort();
    }
    for (const [earlier, controller] of this.#gone) {
      if (earlier >= term) continue;
      this.#gone.delete(earlier);
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        controller.abort();
      }, this.#graceMs());
      this.#timers.add(timer);
    }
  }

  /** Ends everything. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const controllers of [this.#gone, this.#superseded]) {
      for (const controller of controllers.values()) controller.abort();
      controllers.clear();
    }
  }
}
