import { plainTimer, type Timer } from "./timer.ts";

/** What {@linkcode deadline} gives for a promise that took too long. */
export const LATE = Symbol("late");

/** Waits for a promise, but at most `ms`. What the promise stands for goes on. */
export async function deadline<T>(
  promise: Promise<T>,
  ms: number,
  timer: Timer = plainTimer,
): Promise<T | typeof LATE> {
  let cancel = () => {};
  const late = new Promise<typeof LATE>((resolve) => {
    cancel = timer.after(ms, () => resolve(LATE));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    cancel();
  }
}
