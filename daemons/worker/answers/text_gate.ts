import { matchStops } from "./stop_match.ts";
import { type CallWatch, matchCalls, type ParsedCall } from "./tool_calls.ts";

/** Text that may go out, with the tokens that it is the text of. */
export interface Release {
  readonly text: string;
  readonly ids: readonly number[];
}

/** What came of one token. */
export interface GateResult {
  /** What may go out now; undefined when everything is held back. */
  readonly release: Release | undefined;
  /** Whether a stop string is complete, or the calls are: the generation is over. */
  readonly stopped: boolean;
}

/** Tokens whose text is whole, held back or already sent. */
interface Unit {
  /** Those not sent before. */
  readonly ids: readonly number[];
  readonly text: string;
  readonly sent: boolean;
}

/** A character has at most four bytes; after this many tokens the bytes are simply wrong. */
const MAX_PARTIAL_TOKENS = 16;
/** Tokens without text (control tokens) go out with an empty text when so many have gathered. */
const MAX_SILENT_UNITS = 64;
const REPLACEMENT = "\ufffd";
const HALF = /\ufffd+$/;

/**
 * Decides when generated tokens may be shown. It holds back whole tokens: those whose last
 * character is not complete, those that may be the beginning of a stop string, and calls of tools,
 * which are no text at all. So the ids let
 * through so far are always exactly the tokens of the text let through so far, which is what
 * makes it possible to resume elsewhere.
 */
export class TextGate {
  readonly #detokenize: (ids: readonly number[]) => string;
  readonly #stops: readonly string[];
  readonly #watch: CallWatch | undefined;
  #calls: readonly ParsedCall[] = [];
  /** Nothing but white space was let through. */
  #atStart = true;
  #units: Unit[] = [];
  #partial: number[] = [];
  /** How many tokens of the partial were sent before. */
  #partialSent = 0;

  /** @param watch Calls to look for; undefined where there are no tools. */
  constructor(
    detokenize: (ids: readonly number[]) => string,
    stops: readonly string[],
    watch?: CallWatch,
  ) {
    this.#detokenize = detokenize;
    this.#stops = stops;
    this.#watch = watch;
  }

  /** Calls that the generation ended with, known once it has. */
  get calls(): readonly ParsedCall[] {
    return this.#calls;
  }

  /** Takes one generated token. */
  push(id: number): GateResult {
    return this.#take(id, false);
  }

  /**
   * Takes a token that was sent before, by an earlier attempt.
   *
   * @returns whether the generation is over
   */
  replay(id: number): boolean {
    return this.#take(id, true).stopped;
  }

  /**
   * Lets everything through that is held and is text: nothing follows any more.
   *
   * @param cut It could have gone on; then half a call is not shown as text, nor half a character.
   */
  flush(cut = false): Release | undefined {
    if (cut) this.#dropHalf();
    if (this.#partial.length > 0) this.#closeUnit();
    if (this.#watch) {
      const match = matchCalls(this.#held(), this.#watch, this.#atStart, true);
      this.#calls = match.calls;
      if (match.calls.length > 0 || cut && match.open) return this.#releaseBefore(match.holdFrom);
    }
    return this.#release(this.#units.length);
  }

  #take(id: number, sent: boolean): GateResult {
    this.#partial.push(id);
    if (sent) this.#partialSent++;
    const text = this.#detokenize(this.#partial);
    if (text.endsWith(REPLACEMENT) && this.#partial.length < MAX_PARTIAL_TOKENS) {
      return { release: undefined, stopped: false };
    }
    this.#closeUnit(text);

    const held = this.#held();
    const match = this.#watch && matchCalls(held, this.#watch, this.#atStart);
    // Stop strings end text; inside a call they are part of it.
    const { stopAt, safeUntil } = matchStops(held.slice(0, match?.holdFrom), this.#stops);
    if (stopAt !== undefined) return { release: this.#releaseBefore(stopAt), stopped: true };
    if (match?.over) {
      this.#calls = match.calls;
      return { release: this.#releaseBefore(match.holdFrom), stopped: true };
    }
    return { release: this.#release(this.#unitsWithin(safeUntil)), stopped: false };
  }

  /** Leaves of the partial only the tokens whose text is whole, without the half after it. */
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

  /** How many units end at or before this index of the held text. */
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
    const released = this.#units.splice(0, count);
    if (released.some((unit) => unit.text.trim() !== "")) this.#atStart = false;
    return unsent.length === 0 ? undefined : { text, ids: unsent.flatMap((unit) => unit.ids) };
  }

  /** The text before a stop string, with all ids: whoever replays them meets the stop again. */
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
