import { matchStops } from "./stop_match.ts";

/** Text that may be sent, with its tokens. */
export interface Release {
  readonly text: string;
  readonly ids: readonly number[];
}

/** Result of one token. */
export interface GateResult {
  /** Text that may be sent now; undefined if everything is held back. */
  readonly release: Release | undefined;
  /** The stop string that is complete: the generation is over. */
  readonly stop: string | undefined;
}

/** Tokens whose text ends with a whole character. */
interface Unit {
  /** Tokens that were not sent before. */
  readonly ids: readonly number[];
  readonly text: string;
  readonly sent: boolean;
}

/** A character has at most four bytes; after this many tokens the bytes are invalid UTF-8. */
const MAX_PARTIAL_TOKENS = 16;
/** Tokens without text (control tokens) are sent with an empty text once this many are held. */
const MAX_SILENT_UNITS = 64;
const REPLACEMENT = "\ufffd";
const HALF = /\ufffd+$/;

/**
 * Decides when generated tokens may be sent. It holds back whole tokens: those whose last character
 * is not complete, and those that may be the beginning of a stop string. So the released ids are always exactly the tokens of the released text, which makes it
 * possible to resume on another worker.
 */
export class TextGate {
  readonly #detokenize: (ids: readonly number[]) => string;
  readonly #stops: readonly string[];
  #units: Unit[] = [];
  #partial: number[] = [];
  /** How many tokens of {@linkcode #partial} were sent before. */
  #partialSent = 0;

  constructor(
    detokenize: (ids: readonly number[]) => string,
    stops: readonly string[],
  ) {
    this.#detokenize = detokenize;
    this.#stops = stops;
  }

  /** Adds a generated token. */
  push(id: number): GateResult {
    return this.#take(id, false);
  }

  /**
   * Adds a token that an earlier attempt has sent.
   *
   * @returns whether the generation is over
   */
  replay(id: number): boolean {
    return this.#take(id, true).stop !== undefined;
  }

  /**
   * Releases all text that is held back, since no tokens follow.
   *
   * @param cut The generation was cut off: half a character is then not released.
   */
  flush(cut = false): Release | undefined {
    if (cut) this.#dropHalf();
    if (this.#partial.length > 0) this.#closeUnit();
    return this.#release(this.#units.length);
  }

  #take(id: number, sent: boolean): GateResult {
    this.#partial.push(id);
    if (sent) this.#partialSent++;
    const text = this.#detokenize(this.#partial);
    if (text.endsWith(REPLACEMENT) && this.#partial.length < MAX_PARTIAL_TOKENS) {
      return { release: undefined, stop: undefined };
    }
    this.#closeUnit(text);

    const { stopAt, stop, safeUntil } = matchStops(this.#held(), this.#stops);
    if (stopAt !== undefined) return { release: this.#releaseBefore(stopAt), stop };
    return { release: this.#release(this.#unitsWithin(safeUntil)), stop };
  }

  /** Makes a unit of the partial's tokens with whole characters, and drops the half character. */
  #dropHalf(): void {
    const whole = (ids: readonly number[]) => this.#detokenize(ids).replace(HALF, "");
    const text = whole(this.#partial);
    let count = text === "" ? 0 : 1;
    while (
      count < this.#partial.length && text !== "" && whole(this.#partial.slice(0, count)) !== text
    ) {
      count++;
    }
    const ids = this.#partial.slice(this.#partialSent, count);
    this.#partial = [];
    this.#partialSent = 0;
    if (text !== "") this.#units.push({ ids, text, sent: ids.length === 0 });
  }

  #held(): string {
    return this.#units.map((unit) => unit.text).join("");
  }

  #closeUnit(text = this.#detokenize(this.#partial)): void {
    const ids = this.#partial.slice(this.#partialSent);
    this.#units.push({ ids, text, sent: ids.length === 0 });
    this.#partial = [];
    this.#partialSent = 0;
  }

  /** Number of units that end at or before this index of the held text. */
  #unitsWithin(end: number): number {
    let count = 0;
    let at = 0;
    for (const unit of this.#units) {
      at += unit.text.length;
      if (at > end) break;
      count++;
    }
    return count;
  }

  #release(count: number): Release | undefined {
    const unsent = this.#units.slice(0, count).filter((unit) => !unit.sent);
    const text = unsent.map((unit) => unit.text).join("");
    if (text === "" && unsent.length > 0 && unsent.length < MAX_SILENT_UNITS) return undefined;
    this.#units.splice(0, count);
    return unsent.length === 0 ? undefined : { text, ids: unsent.flatMap((unit) => unit.ids) };
  }

  /** Text before a stop string, with all ids, so that a replay of them finds the stop again. */
  #releaseBefore(end: number): Release | undefined {
    const units = this.#units;
    this.#units = [];
    let at = 0;
    let text = "";
    for (const unit of units) {
      const part = unit.text.slice(0, Math.max(0, end - at));
      at += unit.text.length;
      if (!unit.sent) text += part;
    }
    const ids = units.filter((unit) => !unit.sent).flatMap((unit) => unit.ids);
    return text === "" ? undefined : { text, ids };
  }
}
