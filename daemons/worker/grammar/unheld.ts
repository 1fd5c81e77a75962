import type { Place } from "./detail.ts";
import { boundsOf } from "./schema.ts";
import type { Alternative } from "./schema_reader.ts";

/** Keywords that a grammar does not hold, or not wholly. */
export class Unheld {
  readonly #places = new Set<Place>();

  get places(): readonly Place[] {
    return [...this.#places];
  }

  add(place: Place): void {
    this.#places.add(place);
  }

  /** Adds some keywords, in each of several schemas that has them. */
  leave(alternative: Alternative, ...keys: readonly string[]): void {
    for (const { schema, at } of alternative) {
      for (const key of keys) if (schema[key] !== undefined) this.add(`${at}.${key}`);
    }
  }

  /** Adds the bounds of a number. */
  leaveBounds(alternative: Alternative): void {
    for (const { schema, at } of alternative) {
      for (const bound of Object.values(boundsOf(schema))) this.add(`${at}.${bound.key}`);
    }
  }
}
