import type { Llama } from "../c/library.ts";

/** Tokens of a shortlist. */
export const SHORTLIST = 64;

/** The most probable tokens after a row, in no order. */
export interface Shortlist {
  readonly ids: Int32Array;
  readonly logits: Float32Array;
}

/**
 * Has the device find the most probable tokens after an output of a sequence, so that the logits of the
 * others need not be copied from it. Lives in llama.cpp's thread.
 */
export class Shortlists {
  readonly #llama: Llama;
  readonly #context: Deno.PointerValue;
  readonly #length: number;
  /** Chains of samplers that the context uses, by sequence. */
  readonly #chains = new Map<number, Deno.PointerValue>();
  #isPossible = true;

  constructor(llama: Llama, context: Deno.PointerValue, vocabularySize: number) {
    this.#llama = llama;
    this.#context = context;
    this.#length = Math.min(SHORTLIST, vocabularySize);
  }

  /** Whether the sequence's outputs are shortlists. */
  has(sequence: number): boolean {
    return this.#chains.has(sequence);
  }

  /** Makes the sequence's next outputs shortlists, or all logits again. A sequence then has one output. */
  set(sequence: number, isWanted: boolean): void {
    if (isWanted === this.has(sequence) || isWanted && !this.#isPossible) return;
    if (!isWanted) return this.#remove(sequence);
    const llama = this.#llama;
    const params = llama.llama_sampler_chain_default_params();
    params[0] = 1;
    // New each time: llama.cpp prepares a chain for a context only once.
    const chain = llama.llama_sampler_chain_init(params);
    llama.llama_sampler_chain_add(chain, llama.llama_sampler_init_top_k(this.#length));
    if (llama.llama_set_sampler(this.#context, sequence, chain)) this.#chains.set(sequence, chain);
    else {
      llama.llama_sampler_free(chain);
      this.giveUp();
    }
  }

  /** The shortlist after an output; undefined if it has all logits. */
  read(row: number): Shortlist | undefined {
    return shortlistAfter(this.#llama, this.#context, row);
  }

  /** Makes no shortlists any more: the device cannot. */
  giveUp(): void {
    this.#isPossible = false;
    for (const sequence of [...this.#chains.keys()]) this.#remove(sequence);
  }

  /** Frees what the context has used, once it is freed. */
  free(): void {
    for (const chain of this.#chains.values()) this.#llama.llama_sampler_free(chain);
    this.#chains.clear();
  }

  #remove(sequence: number): void {
    this.#llama.llama_set_sampler(this.#context, sequence, null);
    this.#llama.llama_sampler_free(this.#chains.get(sequence)!);
    this.#chains.delete(sequence);
  }
}

/** See {@linkcode Shortlists.read}. Good until the next batch. */
export function shortlistAfter(
  llama: Llama,
  context: Deno.PointerValue,
  row: number,
): Shortlist | undefined {
  const logits = llama.llama_get_sampled_logits_ith(context, row);
  if (logits === null) return undefined;
  const bytes = 4 * llama.llama_get_sampled_logits_count_ith(context, row);
  const ids = llama.llama_get_sampled_candidates_ith(context, row)!;
  return {
    ids: new Int32Array(Deno.UnsafePointerView.getArrayBuffer(ids, bytes)),
    logits: new Float32Array(Deno.UnsafePointerView.getArrayBuffer(logits, bytes)),
  };
}
