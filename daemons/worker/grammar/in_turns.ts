/** Work that may be interrupted at each `yield`. */
export type Making<T> = Generator<void, T>;

/** Longest time that a turn goes on before others get theirs, in milliseconds. */
const TURN_MS = 8;

/** Runs work so that the event loop is never held long. */
export async function inTurns<T>(work: Making<T>): Promise<T> {
  let began = performance.now();
  while (true) {
    const step = work.next();
    if (step.done) return step.value;
    if (performance.now() - began < TURN_MS) continue;
    await new Promise((resolve) => setTimeout(resolve, 0));
    began = performance.now();
  }
}

/** Runs such work at once. */
export function atOnce<T>(work: Making<T>): T {
  while (true) {
    const step = work.next();
    if (step.done) return step.value;
  }
}
