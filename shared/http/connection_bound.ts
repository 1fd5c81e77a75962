import { connectionBound, descriptorsNeeded, freeDescriptors } from "./descriptors.ts";

/** Proven at the start: few servers ever have more, and to try out many descriptors takes time. */
const FIRST = 256;

/**
 * How many connections the limit of descriptors allows of those that are configured. What is proven is
 * doubled when as many are open.
 */
export class ConnectionBound {
  readonly #configured: number;
  readonly #onKnown: (max: number) => void;
  readonly #free: typeof freeDescriptors;
  #proven = 0;
  #isKnown = false;

  /** @param onKnown Called once, as soon as it is certain how many may be open. */
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

  /** Connections that may be open; as configured until it is known better. */
  get max(): number {
    return this.#isKnown ? this.#proven : this.#configured;
  }

  /** Whether one more may be opened beside so many. */
  allows(open: number): boolean {
    while (open >= this.#proven && !this.#isKnown) this.#prove(open, 2 * this.#proven);
    return open < this.#proven;
  }

  #prove(open: number, atMost: number): void {
    const wanted = Math.min(this.#configured, atMost);
    // Those that are open have taken one each.
    const free = this.#free(descriptorsNeeded(wanted) - open) + open;
    this.#proven = connectionBound(wanted, free);
    this.#isKnown = this.#proven < wanted || wanted === this.#configured;
    if (this.#isKnown) this.#onKnown(this.#proven);
  }
}
