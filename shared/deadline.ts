import { plainTimer, type Timer } from "./timer.ts";

/** Result of {@linkcode deadline} for a promise that took too long. */
export const LATE = Symbol("late");

/** Waits for a promise for at most `ms`; resolves with {@linkcode LATE} after that. */
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
