import type { LoadingView } from "#shared/contracts/mod.ts";
import { formatDuration } from "#shared/duration.ts";
import { LlorchError } from "#shared/errors.ts";
import { oneLine } from "#shared/printable.ts";
import type { Loop } from "../scheduler/loop.ts";
import type { Load } from "../scheduler/loading.ts";

/** Statuses of errors that a load can be the reason for. */
const STATUSES: readonly number[] = [429, 503, 504];

/** Whether a load can be the reason for an error: it is never that of a key's own limits. */
function mayBeDueToLoad({ code, status, retriable }: LlorchError): boolean {
  return retriable && STATUSES.includes(status) && code !== "RATE_LIMITED";
}

/** What a stream says while the first of these jobs that still waits waits for a load; undefined: nothing. */
export function loadingNote(loop: Loop, jobIds: readonly string[]): () => string | undefined {
  return () => {
    for (const id of jobIds) {
      const found = loop.loadFor(id);
      if (found) return sayLoading(found.model, found.load);
    }
    return undefined;
  };
}

/** A load in plain words: `loading NAME, 12 s of about 30 s`. */
export function sayLoading(model: string, { elapsedMs, usualMs }: Load): string {
  const elapsed = formatDuration(elapsedMs);
  if (usualMs === undefined) return `loading ${oneLine(model)}, ${elapsed} so far`;
  const usual = formatDuration(usualMs);
  return elapsedMs <= usualMs
    ? `loading ${oneLine(model)}, ${elapsed} of about ${usual}`
    : `loading ${oneLine(model)}, ${elapsed}: longer than the usual ${usual}`;
}

/**
 * Does work for a model. If that fails for now while the model is loading, the error says so, and when to
 * try again: when the load should be over.
 */
export async function tellingLoads<T>(
  loop: Loop,
  model: string,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof LlorchError)) throw error;
    throw withLoading(error, model, loop.loadOfModel(model));
  }
}

/** An error with the load that it is due to. */
export function withLoading(
  error: LlorchError,
  model: string,
  load: Load | undefined,
): LlorchError {
  if (!load || !mayBeDueToLoad(error)) return error;
  const { elapsedMs, usualMs } = load;
  const loading: LoadingView = {
    model,
    elapsed_ms: Math.round(elapsedMs),
    ...(usualMs === undefined ? {} : { usual_ms: Math.round(usualMs) }),
  };
  const leftMs = Math.max(0, (usualMs ?? 0) - elapsedMs);
  const retryAfterMs = Math.max(error.retryAfterMs ?? 0, leftMs);
  return new LlorchError(error.code, error.message, {
    cause: error.cause,
    details: { ...error.details, loading },
    ...(retryAfterMs > 0 ? { retryAfterMs: Math.ceil(retryAfterMs) } : {}),
    retriable: true,
  });
}
