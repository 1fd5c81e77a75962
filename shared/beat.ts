/**
 * Time between two beats, in ms. Each wake of an idle process costs more than most of what is done then: work
 * that is done regularly shares them.
 */
export const BEAT_MS = 250;

interface Regular {
  /** Beats from one call to the next. */
  readonly beats: number;
  readonly callback: () => void;
}

const regulars = new Set<Regular>();
let timer: ReturnType<typeof setInterval> | undefined;
let count = 0;
let dueAt = 0;
let onLate: (ms: number) => void = () => {};

/** Sets what is told how late each beat is, in ms: by that everything waits in this process. */
export function observeLateness(observe: (ms: number) => void): void {
  onLate = observe;
}

/**
 * Calls back every `ms`; the returned function ends that. What is called at a multiple of {@linkcode BEAT_MS}
 * shares its timer, and its first call may come up to that much too early. Until its end the process runs on.
 */
export function every(ms: number, callback: () => void): () => void {
  if (ms % BEAT_MS !== 0) {
    const own = setInterval(callback, ms);
    return () => clearInterval(own);
  }
  const regular = { beats: ms / BEAT_MS, callback };
  regulars.add(regular);
  if (timer === undefined) {
    timer = setInterval(beat, BEAT_MS);
    dueAt = performance.now() + BEAT_MS;
  }
  return () => {
    regulars.delete(regular);
    if (regulars.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

function beat(): void {
  count++;
  const now = performance.now();
  onLate(Math.max(0, now - dueAt));
  dueAt = now + BEAT_MS;
  for (const { beats, callback } of [...regulars]) if (count % beats === 0) callback();
}
