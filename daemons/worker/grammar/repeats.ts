import type { Detail } from "./detail.ts";
import type { Alternative } from "./schema_reader.ts";
import type { Unheld } from "./unheld.ts";

/** Most repetitions in all, each of which is a rule for llama.cpp. */
const MAX_ALL_REPEATS = 8_000;
/** llama.cpp refuses more repetitions of a rule. */
const MAX_REPEATS = 1_999;
/** Most repetitions in a grammar of less detail. */
const FEW_REPEATS = 20;

/** Figures of a schema that are held by repeating something, as far as llama.cpp can. */
export class Repeats {
  readonly #unheld: Unheld;
  readonly #max: number;
  #count = 0;

  constructor(detail: Detail, unheld: Unheld) {
    this.#unheld = unheld;
    this.#max = detail === "all" ? MAX_REPEATS : FEW_REPEATS;
  }

  /** The largest of a figure in several schemas, up to what llama.cpp can repeat. */
  most(alternative: Alternative, key: string): number | undefined {
    const figures = figuresOf(alternative, key);
    if (figures.length === 0) return undefined;
    const most = Math.max(...figures);
    if (most > this.#max) this.#unheld.leave(alternative, key);
    return Math.min(most, this.#max);
  }

  /** The smallest; undefined if llama.cpp cannot repeat as often. */
  least(alternative: Alternative, key: string): number | undefined {
    const figures = figuresOf(alternative, key);
    if (figures.length === 0) return undefined;
    const least = Math.min(...figures);
    if (least <= this.#max) return least;
    this.#unheld.leave(alternative, key);
    return undefined;
  }

  /** Counts repetitions that are written; false if there are too many by now. */
  mayRepeat(times: number): boolean {
    if (this.#count + times > MAX_ALL_REPEATS) return false;
    this.#count += times;
    return true;
  }
}

function figuresOf(alternative: Alternative, key: string): number[] {
  return alternative.flatMap(({ schema }) => schema[key] === undefined ? [] : Number(schema[key]));
}
