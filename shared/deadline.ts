import { plainTimer, type Timer } from "./timer.ts";

/** Result of {@linkcode deadline} for a promise that took too long. */
export const LATE = Symbol("late");

/** Waits for a promise for at most `ms`; resolves with {@linkcode LATE} after that. */
export function deadline<T>(
  promise: Promise<T>,
  ms: number,
  timer: Timer = plainTimer,
): Promise<T | typeof LATE> {
  // Not a race in an async function, which takes twice the memory: thousands of calls wait here at a time.
  return new Promise((resolve, reject) => {
    const cancel = timer.after(ms, () => resolve(LATE));
    promise.then((result) => {
      cancel();
      resolve(result);
    }, (error) => {
      cancel();
      reject(error);
    });
  });
}
