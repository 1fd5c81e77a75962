import { matchStops } from "./stop_match.ts";

/** Holds back text that may be the beginning of a stop string. */
export class StopGate {
  readonly #stops: readonly string[];
  #held = "";

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** Adds text; the result is what may be sent, and the stop string that came after it. */
  push(text: string): { readonly text: string; readonly stop: string | undefined } {
    const whole = this.#held + text;
    const { stopAt, stop, safeUntil } = matchStops(whole, this.#stops);
    this.#held = stopAt === undefined ? whole.slice(safeUntil) : "";
    return { text: whole.slice(0, stopAt ?? safeUntil), stop };
  }

  /** The held text, which is no stop string since none of its text follows. */
  flush(): string {
    const text = this.#held;
    this.#held = "";
    return text;
  }
}
