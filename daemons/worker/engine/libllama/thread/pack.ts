/** A part, as far as {@linkcode pack} uses it. */
export interface Packable {
  readonly tokens: { readonly length: number };
  readonly outputs?: number;
  /** Parts with different adapters cannot be in one batch. */
  readonly adapter: unknown;
}

/**
 * Groups parts into batches of at most `limit` tokens and `mostOutputs` outputs, each with one adapter.
 * A larger part is a batch of its own.
 */
export function pack<T extends Packable>(
  parts: readonly T[],
  limit: number,
  mostOutputs = Infinity,
): T[][] {
  const batches: T[][] = [];
  for (const sameAdapter of Map.groupBy(parts, ({ adapter }) => adapter).values()) {
    let batch: T[] = [];
    let size = 0;
    let outputs = 0;
    for (const part of sameAdapter) {
      const own = part.outputs ?? 0;
      const isFull = size + part.tokens.length > limit || outputs + own > mostOutputs;
      if (batch.length > 0 && isFull) {
        batches.push(batch);
        batch = [];
        size = 0;
        outputs = 0;
      }
      batch.push(part);
      size += part.tokens.length;
      outputs += own;
    }
    batches.push(batch);
  }
  return batches;
}
