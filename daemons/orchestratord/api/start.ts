import { LlorchError } from "#shared/errors.ts";
import type { StreamItem } from "../relay/job_stream.ts";

/**
 * Waits until a job has started, so that a failure before that can still be an HTTP status, but not
 * longer than `ms`. Gives all items, those seen while waiting included.
 *
 * @throws {LlorchError} the job's error, when it ended before it started
 */
export async function startOrTimeout(
  items: AsyncGenerator<StreamItem>,
  ms: number,
): Promise<AsyncGenerator<StreamItem>> {
  const seen: StreamItem[] = [];
  const deadline = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => deadline.resolve(undefined), ms);
  let next: Promise<IteratorResult<StreamItem>> | undefined;
  try {
    while (true) {
      next ??= items.next();
      const result = await Promise.race([next, deadline.promise]);
      if (result === undefined || result.done) break;
      next = undefined;
      seen.push(result.value);
      if (result.value.kind === "metrics") break;
      const { event } = result.value;
      if (event.event === "error") throw new LlorchError(event.data.code, event.data.message);
      if (event.event !== "queued") break;
    }
  } finally {
    clearTimeout(timer);
  }
  return rest(seen, next, items);
}

async function* rest(
  seen: readonly StreamItem[],
  next: Promise<IteratorResult<StreamItem>> | undefined,
  items: AsyncGenerator<StreamItem>,
): AsyncGenerator<StreamItem> {
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
