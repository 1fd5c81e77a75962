import { addressOf, addressOfBuffer, cString } from "./c/c_values.ts";
import type { Llama } from "./c/library.ts";
import type { DrySettings } from "./sampling_plan.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Most blanks that are kept. */
const MOST = 8;

/**
 * DRY samplers that have seen no token, to make copies of. To make one, llama.cpp reads the whole
 * vocabulary for each text at which DRY begins again: that is done once for the same settings, and outside
 * of the main thread.
 */
export class DryBlanks {
  readonly #llama: Llama;
  readonly #vocabulary: Vocabulary;
  readonly #free: (samplers: readonly number[]) => void;
  /** By settings, the latest used last. */
  readonly #blanks = new Map<string, Promise<Deno.PointerValue>>();
  /** Those that are being made. */
  readonly #making = new Set<Promise<unknown>>();

  constructor(
    llama: Llama,
    vocabulary: Vocabulary,
    free: (samplers: readonly number[]) => void,
  ) {
    this.#llama = llama;
    this.#vocabulary = vocabulary;
    this.#free = free;
  }

  /** How many are kept. */
  get size(): number {
    return this.#blanks.size;
  }

  /** A copy. The caller frees it. */
  async copy(settings: DrySettings): Promise<Deno.PointerValue> {
    const key = JSON.stringify(settings);
    const blank = this.#blanks.get(key) ?? this.#make(settings);
    this.#blanks.delete(key);
    this.#blanks.set(key, blank);
    if (this.#blanks.size > MOST) this.#forget(this.#blanks.keys().next().value!);
    return this.#llama.llama_sampler_clone(await blank);
  }

  /** Frees all, once none is being made: that reads the vocabulary. */
  async close(): Promise<void> {
    await Promise.all(this.#making);
    for (const key of [...this.#blanks.keys()]) this.#forget(key);
  }

  #forget(key: string): void {
    const blank = this.#blanks.get(key)!;
    this.#blanks.delete(key);
    // Those who wait for it make their copies first.
    void blank.then((pointer) => this.#free([addressOf(pointer)]));
  }

  #make({ multiplier, base, allowedLength, window, breakers }: DrySettings) {
    const texts = breakers.map(cString);
    const pointers = new BigUint64Array(texts.map((text) => BigInt(addressOfBuffer(text))));
    const made = this.#llama.llama_sampler_init_dry_aside(
      ...[this.#vocabulary.pointer, multiplier, base, allowedLength, window] as const,
      ...[new Uint8Array(pointers.buffer), BigInt(texts.length)] as const,
    ).finally(() => {
      this.#making.delete(made);
      // C reads them until then.
      texts.length = 0;
    });
    this.#making.add(made);
    return made;
  }
}
