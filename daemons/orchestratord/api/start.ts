import { LlorchError } from "#shared/errors.ts";
import type { ChoiceItem } from "./choices.ts";

/**
 * Waits until a job has started, the first of several, so that a failure before that can still be an HTTP status, but not
 * longer than `ms`. Gives all items, those seen while waiting included.
 *
 * @throws {LlorchError} the job's error, when it ended before it started
 */
export async function startOrTimeout(
  items: AsyncGenerator<ChoiceItem>,
  ms: number,
): Promise<AsyncGenerator<ChoiceItem>> {
  const seen: ChoiceItem[] = [];
  const deadline = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => deadline.resolve(undefined), ms);
  let next: Promise<IteratorResult<ChoiceItem>> | undefined;
  try {
    while (true) {
      next ??= items.next();
      const result = await Promise.race([next, deadline.promise]);
      if (result === undefined || result.done) break;
      next = undefined;
      seen.push(result.value);
      const { item } = result.value;
      if (item.kind === "metrics") break;
      const { event } = item;
      if (event.event === "error") throw new LlorchError(event.data.code, event.data.message);
      if (event.event !== "queued") break;
    }
  } finally {
    clearTimeout(timer);
  }
  return rest(seen, next, items);
}

async function* rest(
  seen: readonly ChoiceItem[],
  next: Promise<IteratorResult<ChoiceItem>> | undefined,
  items: AsyncGenerator<ChoiceItem>,
): AsyncGenerator<ChoiceItem> {
  try {
    yield* seen;
    const first = await next;
    if (first?.done) return;
    if (first) yield first.value;
    yield* items;
  } finally {
    await items.return(undefined);
  }
}
