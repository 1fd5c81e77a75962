/** What {@linkcode pack} looks at. */
export interface Packable {
  readonly tokens: { readonly length: number };
  /** Parts that differ in this cannot be computed together. */
  readonly adapter: unknown;
}

/**
 * Parts as batches that can be computed at once: of one adapter each, and of at most so many tokens.
 * A part larger than that is a batch of its own.
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
