/** Conditions of a query that all must hold. */
export class Conditions {
  readonly #texts: string[];
  /** Values of their placeholders, in order. */
  readonly values: (string | number)[] = [];

  /** @param always Conditions without values. */
  constructor(...always: readonly string[]) {
    this.#texts = [...always];
  }

  /** Adds a condition with one placeholder; without a value it is left out. */
  add(text: string, value: string | number | undefined): void {
    if (value === undefined) return;
    this.#texts.push(text);
    this.values.push(value);
  }

  /** For `WHERE`. */
  get sql(): string {
    return this.#texts.length === 0 ? "TRUE" : this.#texts.join(" AND ");
  }
}
