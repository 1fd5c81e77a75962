/** Time of a piece of work, and how long it held up everything else on the event loop, in ms. */
export interface Held {
  readonly totalMs: number;
  readonly longestPauseMs: number;
}

/** Does work while a timer measures the longest time between two turns of the event loop. */
export async function heldBy(work: () => unknown): Promise<Held> {
  let longestPauseMs = 0;
  let last = performance.now();
  let isOver = false;
  const turns = (async () => {
    while (!isOver) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      const now = performance.now();
      longestPauseMs = Math.max(longestPauseMs, now - last);
      last = now;
    }
  })();
  const began = performance.now();
  await work();
  const totalMs = performance.now() - began;
  isOver = true;
  await turns;
  return { totalMs, longestPauseMs };
}

/** Most of several pieces of work, with the name of the worst one. */
export interface Worst extends Held {
  readonly name: string;
}

/** How often each piece of work is done. */
export const ROUNDS = 5;

/**
 * Does each piece of work some times, each time with another number, and returns the one with the longest pause. Of the rounds of
 * one piece the fastest counts: others may have been held up by other programs.
 */
export async function worstOf(
  works: Iterable<readonly [name: string, work: (round: number) => unknown]>,
): Promise<Worst> {
  let worst: Worst = { name: "", totalMs: 0, longestPauseMs: 0 };
  for (const [name, work] of works) {
    let best: Held = { totalMs: Infinity, longestPauseMs: Infinity };
    for (let round = 0; round < ROUNDS; round++) {
      const held = await heldBy(() => work(round));
      if (held.longestPauseMs < best.longestPauseMs) best = held;
    }
    if (best.longestPauseMs > worst.longestPauseMs) worst = { name, ...best };
  }
  return worst;
}
