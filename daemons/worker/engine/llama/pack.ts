/** A part, as far as {@linkcode pack} uses it. */
export interface Packable {
  readonly tokens: { readonly length: number };
  /** Parts with different adapters cannot be in one batch. */
  readonly adapter: unknown;
}

/**
 * Groups parts into batches of at most `limit` tokens, each with one adapter. A larger part is a
 * batch of its own.
 */
export function pack<T extends Packable>(parts: readonly T[], limit: number): T[][] {
  const batches: T[][] = [];
  for (const sameAdapter of Map.groupBy(parts, ({ adapter }) => adapter).values()) {
    let batch: T[] = [];
    let size = 0;
    for (const part of sameAdapter) {
      if (batch.length > 0 && size + part.tokens.length > limit) {
        batches.push(batch);
        batch = [];
        size = 0;
      }
      batch.push(part);
      size += part.tokens.length;
    }
    batches.push(batch);
  }
  return batches;
}
