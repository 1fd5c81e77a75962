/** Stop strings found in a text. */
export interface StopMatch {
  /** Index of the first whole stop string; undefined if there is none. */
  readonly stopAt: number | undefined;
  /** That stop string. */
  readonly stop: string | undefined;
  /**
   * Index from which the rest may be the beginning of a stop string; otherwise the text's length.
   */
  readonly safeUntil: number;
}

/** Finds stop strings in `text`, and the beginning of one at its end. */
export function matchStops(text: string, stops: readonly string[]): StopMatch {
  let stopAt: number | undefined;
  let first: string | undefined;
  let safeUntil = text.length;
  for (const stop of stops) {
    const { at, begins } = find(text, stop);
    if (at !== undefined && at < (stopAt ?? Infinity)) [stopAt, first] = [at, stop];
    safeUntil = Math.min(safeUntil, begins);
  }
  return { stopAt, stop: first, safeUntil };
}

/**
 * Where a stop string is in a text, and the first index from which the rest is a proper beginning of it.
 * Takes time in proportion to both, also where they repeat themselves (Knuth, Morris and Pratt): clients
 * write them, and this runs for each token.
 */
function find(text: string, stop: string): { at: number | undefined; begins: number } {
  const shorter = shorterBeginnings(stop, Math.min(stop.length, text.length));
  let at: number | undefined;
  let length = 0;
  for (let index = 0; index < text.length; index++) {
    while (length > 0 && text[index] !== stop[length]) length = shorter[length - 1]!;
    if (text[index] === stop[length]) length++;
    if (length < stop.length) continue;
    at ??= index + 1 - length;
    length = shorter[length - 1]!;
  }
  return { at, begins: text.length - length };
}

/** For each of the first beginnings of a text, the length of the longest shorter one that it ends with. */
function shorterBeginnings(text: string, count: number): Uint32Array {
  const lengths = new Uint32Array(count);
  let length = 0;
  for (let at = 1; at < count; at++) {
    while (length > 0 && text[at] !== text[length]) length = lengths[length - 1]!;
    if (text[at] === text[length]) length++;
    lengths[at] = length;
  }
  return lengths;
}
