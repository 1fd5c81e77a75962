import { MOST_CHECKPOINTS } from "#shared/config/llama.ts";

/** A checkpoint that the thread of llama.cpp has. */
export interface Checkpoint {
  readonly id: number;
  readonly sequence: number;
  /** Tokens of the sequence at that time. */
  readonly length: number;
}

/** One that was kept. */
export interface KeptCheckpoint extends Checkpoint {
  readonly bytes: number;
}

/**
 * The checkpoints of a context's sequences, which together take a bounded memory: those that were not
 * used for longest are forgotten first.
 */
export class CheckpointBook {
  readonly #mostBytes: number;
  /** The one used last comes last. */
  #entries: KeptCheckpoint[] = [];
  #forgotten: number[] = [];
  #lastId = 0;
  /** Whether one alone takes more than there is. */
  #tooLarge = false;

  /** @param mostBytes Memory of all checkpoints; 0: none are kept. */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
    this.#tooLarge = mostBytes === 0;
  }

  /** The longest of a sequence that is no longer than `length`. */
  find(sequence: number, length: number): Checkpoint | undefined {
    const fitting = this.#of(sequence).filter((entry) => entry.length <= length);
    return fitting.reduce<KeptCheckpoint | undefined>(
      (best, entry) => best && best.length >= entry.length ? best : entry,
      undefined,
    );
  }

  /** The longest ones of a sequence, at most `most`. */
  longest(sequence: number, most: number): KeptCheckpoint[] {
    return this.#of(sequence).toSorted((a, b) => b.length - a.length).slice(0, most);
  }

  /** Begins one; undefined if there is one of that length, or none can be kept. */
  begin(sequence: number, length: number): Checkpoint | undefined {
    if (this.#tooLarge || this.#of(sequence).some((entry) => entry.length === length)) {
      return undefined;
    }
    return { id: ++this.#lastId, sequence, length };
  }

  /** Adds one that was kept. */
  add(checkpoint: Checkpoint, bytes: number): void {
    if (bytes === 0) return;
    this.#tooLarge = bytes > this.#mostBytes;
    this.#entries.push({ ...checkpoint, bytes });
    const own = this.#of(checkpoint.sequence);
    if (own.length > MOST_CHECKPOINTS) this.#forget(own[0]!);
    while (this.bytes > this.#mostBytes) this.#forget(this.#entries[0]!);
  }

  /** Forgets one that was begun, and whose step failed. */
  abandon({ id }: Checkpoint): void {
    this.#forgotten.push(id);
  }

  /** Marks one as used. */
  use({ id }: Checkpoint): void {
    const entry = this.#entries.find((entry) => entry.id === id);
    if (!entry) return;
    this.#entries = [...this.#entries.filter((other) => other !== entry), entry];
  }

  /** Forgets those of a sequence that are longer than what is left of it. */
  cut(sequence: number, length: number): void {
    for (const entry of this.#of(sequence)) if (entry.length > length) this.#forget(entry);
  }

  /** Bytes of all. */
  get bytes(): number {
    return this.#entries.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** The forgotten ones, which the caller must report to the thread. */
  takeForgotten(): number[] {
    return this.#forgotten.splice(0);
  }

  #of(sequence: number): KeptCheckpoint[] {
    return this.#entries.filter((entry) => entry.sequence === sequence);
  }

  #forget(entry: KeptCheckpoint): void {
    this.#entries = this.#entries.filter((other) => other !== entry);
    this.#forgotten.push(entry.id);
  }
}
