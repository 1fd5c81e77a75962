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
    const at = text.indexOf(stop);
    if (at >= 0 && at < (stopAt ?? Infinity)) [stopAt, first] = [at, stop];
    safeUntil = Math.min(safeUntil, partialStart(text, stop));
  }
  return { stopAt, stop: first, safeUntil };
}

/** The first index from which the rest of `text` is a proper beginning of `stop`. */
export function partialStart(text: string, stop: string): number {
  for (let at = Math.max(0, text.length - stop.length + 1); at < text.length; at++) {
    if (stop.startsWith(text.slice(at))) return at;
  }
  return text.length;
}
