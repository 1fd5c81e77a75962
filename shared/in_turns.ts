/** Work that may be interrupted at each `yield`. */
export type Making<T> = Generator<void, T>;

/** Longest time that a turn goes on before others get theirs, in milliseconds. */
const TURN_MS = 8;

/** The time of some work on the event loop, so that others get theirs. */
export class Turn {
  #began = performance.now();

  /** Lets others go on if this turn has taken long. */
  async pause(): Promise<void> {
    if (performance.now() - this.#began < TURN_MS) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#began = performance.now();
  }
}

/** Runs work so that the event loop is never held long. */
export async function inTurns<T>(work: Making<T>): Promise<T> {
  const turn = new Turn();
  while (true) {
    const step = work.next();
    if (step.done) return step.value;
    await turn.pause();
  }
}

/** Runs such work at once. */
export function atOnce<T>(work: Making<T>): T {
  while (true) {
    const step = work.next();
    if (step.done) return step.value;
  }
}
