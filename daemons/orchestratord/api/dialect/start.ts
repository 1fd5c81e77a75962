import { systemClock } from "#shared/clock.ts";
import { deadline, LATE } from "#shared/deadline.ts";
import { eventError } from "#shared/contracts/mod.ts";
import type { ChoiceItems } from "./choices.ts";

/**
 * Waits until the first of the jobs has started, but not longer than `ms`, so that a failure before that
 * can still be an HTTP status.
 *
 * @returns all items, with those seen while waiting
 * @throws {LlorchError} the error of a job that ended before any had started
 */
export async function startOrTimeout(
  batches: AsyncGenerator<ChoiceItems>,
  ms: number,
): Promise<AsyncGenerator<ChoiceItems>> {
  const seen: ChoiceItems[] = [];
  const giveUpAt = performance.now() + ms;
  let next: Promise<IteratorResult<ChoiceItems>> | undefined;
  while (true) {
    next ??= batches.next();
    const result = await deadline(next, Math.max(0, giveUpAt - performance.now()), systemClock);
    if (result === LATE || result.done) break;
    next = undefined;
    seen.push(result.value);
    const { items } = result.value;
    if (items.some(({ kind }) => kind === "metrics")) break;
    const events = items.flatMap((item) => item.kind === "event" ? [item.event] : []);
    const first = events.find(({ event }) => event !== "queued");
    if (first?.event === "error") throw eventError(first.data);
    if (first) break;
  }
  return rest(seen, next, batches);
}

async function* rest(
  seen: readonly ChoiceItems[],
  next: Promise<IteratorResult<ChoiceItems>> | undefined,
  batches: AsyncGenerator<ChoiceItems>,
): AsyncGenerator<ChoiceItems> {
  try {
    yield* seen;
    const first = await next;
    if (first?.done) return;
    if (first) yield first.value;
    yield* batches;
  } finally {
    await batches.return(undefined);
  }
}
