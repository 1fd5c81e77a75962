import type { SQLInputValue } from "node:sqlite";

/** Conditions of a query that all must hold. */
export class Conditions {
  readonly #texts: string[];
  /** Values of their placeholders, in order. */
  readonly values: SQLInputValue[] = [];

  /** @param always Conditions without values. */
  constructor(...always: readonly string[]) {
    this.#texts = [...always];
  }

  /** Adds a condition with one placeholder; without a value it is left out. */
  add(text: string, value: SQLInputValue | undefined): void {
    if (value === undefined) return;
    this.#texts.push(text);
    this.values.push(value);
  }

  /** For `WHERE`. */
  get sql(): string {
    return this.#texts.length === 0 ? "1" : this.#texts.join(" AND ");
  }
}
