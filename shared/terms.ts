import { LlorchError } from "./errors.ts";

/** The highest term of leading orchestrators that was seen: orders of an earlier one are refused. */
export class Terms {
  #highest: number;
  readonly #onRaised: (term: number) => void;

  /**
   * @param highest What was seen before.
   * @param onRaised Called with each higher one.
   */
  constructor(highest = 0, onRaised: (term: number) => void = () => {}) {
    this.#highest = highest;
    this.#onRaised = onRaised;
  }

  /**
   * Checks the term of an order, and remembers it.
   *
   * @param term Undefined: of an orchestrator that is alone.
   * @throws {LlorchError} `STALE_TERM`, with the highest term in its details
   */
  require(term: number | undefined): void {
    if (term === undefined) return;
    if (term < this.#highest) {
      throw new LlorchError(
        "STALE_TERM",
        `Cannot take an order of term ${term}: an orchestrator has led in term ${this.#highest}`,
        { details: { term: this.#highest } },
      );
    }
    this.saw(term);
  }

  /** Remembers a term whose order is taken in any case. */
  saw(term: number | undefined): void {
    if (term === undefined || term <= this.#highest) return;
    this.#highest = term;
    this.#onRaised(term);
  }
}

/** The higher term that an error says was seen; undefined if it does not. */
export function seenTerm(error: unknown): number | undefined {
  if (!(error instanceof LlorchError) || error.code !== "STALE_TERM") return undefined;
  const term = error.details?.["term"];
  return Number.isSafeInteger(term) ? term as number : undefined;
}
