/**
 * Time between two beats, in ms. Each wake of an idle process costs more than most of what is done then: work
 * that is done regularly shares them.
 */
export const BEAT_MS = 250;

interface Regular {
  /** Beats from one call to the next. */
  readonly beats: number;
  readonly callback: () => void;
  /** Beats until the next call. */
  left: number;
}

const regulars = new Set<Regular>();
let timer: ReturnType<typeof setInterval> | undefined;
let dueAt = 0;
let onLate: (ms: number) => void = () => {};

/** Sets the callback that gets the delay of each beat, in ms: how long the event loop was held. */
export function observeLateness(observe: (ms: number) => void): void {
  onLate = observe;
}

/**
 * Calls back every `ms`; the returned function ends that. What is called at a multiple of {@linkcode BEAT_MS}
 * shares its timer, and its first call may come up to a beat too early. Until its end the process runs on.
 */
export function every(ms: number, callback: () => void): () => void {
  if (ms < BEAT_MS || ms % BEAT_MS !== 0) {
    const own = setInterval(callback, ms);
    return () => clearInterval(own);
  }
  const regular: Regular = { beats: ms / BEAT_MS, left: ms / BEAT_MS, callback };
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
  const now = performance.now();
  onLate(Math.max(0, now - dueAt));
  dueAt = now + BEAT_MS;
  for (const regular of [...regulars]) {
    regular.left--;
    if (regular.left > 0) continue;
    regular.left = regular.beats;
    regular.callback();
  }
}
