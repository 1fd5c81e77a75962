import { connectionBound, descriptorsNeeded, freeDescriptors } from "./descriptors.ts";

/** Proven at the start. Few servers ever have more, and opening many descriptors takes time. */
const FIRST = 256;

/**
 * How many of the configured connections the limit of open files allows. Tested in steps: when as
 * many connections are open as were proven possible, twice as many are tested.
 */
export class ConnectionBound {
  readonly #configured: number;
  readonly #onKnown: (max: number) => void;
  readonly #free: typeof freeDescriptors;
  #proven = 0;
  #isKnown = false;

  /** @param onKnown Called once, as soon as the real maximum is known. */
  constructor(
    configured: number,
    onKnown: (max: number) => void = () => {},
    free: typeof freeDescriptors = freeDescriptors,
  ) {
    this.#configured = configured;
    this.#onKnown = onKnown;
    this.#free = free;
    this.#prove(0, FIRST);
  }

  /** Connections that may be open: the configured number until the real maximum is known. */
  get max(): number {
    return this.#isKnown ? this.#proven : this.#configured;
  }

  /** Whether one more may be opened when `open` are open. */
  allows(open: number): boolean {
    while (open >= this.#proven && !this.#isKnown) this.#prove(open, 2 * this.#proven);
    return open < this.#proven;
  }

  #prove(open: number, atMost: number): void {
    const wanted = Math.min(this.#configured, atMost);
    // Each open connection has taken one descriptor.
    const free = this.#free(descriptorsNeeded(wanted) - open) + open;
    this.#proven = connectionBound(wanted, free);
    this.#isKnown = this.#proven < wanted || wanted === this.#configured;
    if (this.#isKnown) this.#onKnown(this.#proven);
  }
}
