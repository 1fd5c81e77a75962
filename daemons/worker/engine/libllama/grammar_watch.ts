import { EngineStuck } from "../engine.ts";
import type { EngineThread } from "./engine_thread.ts";

/** Longest time to choose a token with a grammar, in milliseconds; usually it takes some. */
const CHOICE_DEADLINE_MS = 5_000;
/** Interval of looks at the thread, in milliseconds. */
const LOOK_MS = 250;

/**
 * Waits for a step in which grammars choose: a short grammar can have countless ways to go on.
 *
 * @throws {EngineStuck} if one choice takes too long, in which the thread hears nothing
 */
export async function guardChoices<T>(
  thread: Pick<EngineThread, "grammarCount" | "choosing">,
  step: Promise<T>,
  now: () => number = () => performance.now(),
): Promise<T> {
  const stuck = Promise.withResolvers<never>();
  let count = thread.grammarCount;
  let since = now();
  const timer = setInterval(() => {
    if (thread.choosing === undefined || thread.grammarCount !== count) {
      count = thread.grammarCount;
      since = now();
    } else if (now() - since > CHOICE_DEADLINE_MS) {
      const seconds = CHOICE_DEADLINE_MS / 1000;
      stuck.reject(
        new EngineStuck(`The grammar takes more than ${seconds} s for a token: simplify it`),
      );
    }
  }, LOOK_MS);
  try {
    return await Promise.race([step, stuck.promise]);
  } finally {
    clearInterval(timer);
  }
}
