import { addressOfBuffer, pointerAt } from "../c/c_values.ts";
import { FIELDS } from "../c/abi.ts";
import { layoutOf } from "../c/layout.ts";
import type { Llama } from "../c/library.ts";
import type { Choice, ChooseOrder } from "./messages.ts";
import { nextMu } from "./mirostat.ts";
import { areEnough, type Ranking } from "./ranking.ts";
import { oddsAfter, oddsOf } from "./rows.ts";
import { shortlistAfter } from "./shortlists.ts";

const ARRAY = layoutOf(FIELDS.llama_token_data_array);
const ENTRY = layoutOf(FIELDS.llama_token_data);
/** 32-bit words of an entry. */
const WORDS = ENTRY.size / 4;
/** Where the odds of candidates are. */
const ODDS = { words: WORDS, id: ENTRY.offsets.id / 4, probability: ENTRY.offsets.p / 4 };
/** Most probable candidates from which Mirostat 1 estimates how the others go on, as in llama-server. */
const MIROSTAT_CANDIDATES = 100;
/**
 * Most probable candidates to show a grammar: it takes 0.2 µs for each, so that a whole vocabulary takes
 * 5 to 100 ms. If these are not enough, more, and at last all.
 */
const FEW = [256, 4096];
/** Differs a second choice from the first: with the same seed, it would depend on what was refused. */
const OTHER_SEED = 0x9e3779b9;

/** Chooses tokens by the rows of logits of a context's last batch. Lives in llama.cpp's thread. */
export class Chooser {
  readonly #llama: Llama;
  readonly #context: Deno.PointerValue;
  readonly #vocabularySize: number;
  readonly #ends: ReadonlySet<number>;
  readonly #onGrammar: (sequence: number | undefined) => void;
  /** Candidates as C has them: id, logit, probability. */
  #entries: Uint8Array<ArrayBuffer> | undefined;
  readonly #array = new Uint8Array(ARRAY.size);
  readonly #arrayView = new DataView(this.#array.buffer);
  readonly #one = new Uint8Array(ENTRY.size);
  readonly #oneArray = new Uint8Array(ARRAY.size);

  /**
   * @param ends Tokens that end a generation.
   * @param onGrammar Called before work whose time a grammar decides, with the sequence that it is for, and
   * after it.
   */
  constructor(
    llama: Llama,
    context: Deno.PointerValue,
    vocabularySize: number,
    ends: ReadonlySet<number>,
    onGrammar: (sequence: number | undefined) => void,
  ) {
    this.#llama = llama;
    this.#context = context;
    this.#vocabularySize = vocabularySize;
    this.#ends = ends;
    this.#onGrammar = onGrammar;
  }

  /** Chooses after each row until a choice is not the one that was guessed, or ends the generation. */
  choose(sequence: number, rows: readonly number[], order: ChooseOrder): Choice[] {
    const choices: Choice[] = [];
    let now = order;
    for (const [index, row] of rows.entries()) {
      const choice = this.#at(sequence, row, index, now);
      choices.push(choice);
      if (!goesOnAfter(choice, index, order, this.#ends)) break;
      now = orderAfter(now, choice);
    }
    return choices;
  }

  /** The logits after a token of the last batch. Good until the next one. */
  logits(row: number): Float32Array {
    const pointer = this.#llama.llama_get_logits_ith(this.#context, row);
    if (pointer === null) throw new Error(`llama.cpp kept no logits of token ${row}`);
    const memory = Deno.UnsafePointerView.getArrayBuffer(pointer, 4 * this.#vocabularySize);
    return new Float32Array(memory);
  }

  #at(sequence: number, row: number, index: number, order: ChooseOrder): Choice {
    const seed = order.seeds[index]!;
    const choice = order.grammar === 0
      ? this.#withLast(order, seed, (chain) => this.#free(row, chain, order))
      : this.#held(sequence, row, seed, order);
    if ("none" in choice || order.odds === undefined || order.isPostSampling) return choice;
    return { ...choice, odds: oddsOf(this.logits(row), choice.token, order.odds) };
  }

  /**
   * Adds to the chain what comes after it for the time of `work`. What draws is new for each choice, as its
   * seed is.
   */
  #withLast<T>(
    order: ChooseOrder,
    seed: number,
    work: (chain: Deno.PointerValue) => T,
  ): T {
    const llama = this.#llama;
    const chain = pointerAt(order.chain);
    const place = llama.llama_sampler_chain_n(chain);
    const own = [this.#last(order, seed)];
    const added = [...own];
    if (order.after !== 0) added.unshift(pointerAt(order.after));
    if (order.xtc) {
      const { probability, threshold, kept } = order.xtc;
      const xtc = llama.llama_sampler_init_xtc(probability, threshold, BigInt(kept), seed);
      own.push(xtc);
      added.unshift(xtc);
    }
    for (const sampler of added) llama.llama_sampler_chain_add(chain, sampler);
    try {
      return work(chain);
    } finally {
      // The chain would free them with itself.
      for (const _ of added) llama.llama_sampler_chain_remove(chain, place);
      for (const sampler of own) llama.llama_sampler_free(sampler);
    }
  }

  /** The sampler that chooses. */
  #last({ draws, mirostat }: ChooseOrder, seed: number): Deno.PointerValue {
    const llama = this.#llama;
    if (!draws) return llama.llama_sampler_init_greedy();
    if (!mirostat) return llama.llama_sampler_init_dist(seed);
    // llama.cpp takes no state, but begins with twice tau, and only what comes after depends on tau.
    const [half, eta] = [mirostat.mu / 2, mirostat.eta];
    if (mirostat.version === 2) return llama.llama_sampler_init_mirostat_v2(seed, half, eta);
    return llama.llama_sampler_init_mirostat(
      ...[this.#vocabularySize, seed, half, eta, MIROSTAT_CANDIDATES] as const,
    );
  }

  /** Nothing holds the answer. */
  #free(row: number, chain: Deno.PointerValue, order: ChooseOrder): Choice {
    if (order.odds !== undefined && order.isPostSampling || order.mirostat) {
      return this.#ofCandidates(row, chain, 0, order);
    }
    const token = this.#llama.llama_sampler_sample(chain, this.#context, row);
    return this.#isNumber(row, token) ? { token } : { none: "numbers" };
  }

  #held(sequence: number, row: number, seed: number, order: ChooseOrder): Choice {
    const { grammar } = order;
    this.#onGrammar(sequence);
    try {
      // What is chosen without the grammar is mostly allowed, which is quick to find out.
      if (!order.remembers && !order.isPostSampling) {
        const free = this.#withLast(order, seed, (chain) => this.#free(row, chain, order));
        if ("none" in free || this.#accept(grammar, free.token)) return free;
      }
      const other = order.remembers ? seed : (seed ^ OTHER_SEED) >>> 0;
      const candidates = (grammar: number) =>
        this.#withLast(order, other, (chain) => this.#ofCandidates(row, chain, grammar, order));
      const held = candidates(grammar);
      if (!("none" in held) && this.#accept(grammar, held.token)) return held;
      if ("none" in held && held.none !== "grammar") return held;
      if (!order.isLazy) return { none: "grammar" };
      const free = candidates(0);
      return "none" in free ? free : { ...free, gaveUp: true };
    } finally {
      this.#onGrammar(undefined);
    }
  }

  /** Applies the samplers to all tokens, one after the other. */
  #ofCandidates(
    row: number,
    chain: Deno.PointerValue,
    grammar: number,
    order: ChooseOrder,
  ): Choice {
    const logits = this.logits(row);
    if (!logits.some(Number.isFinite)) return { none: "numbers" };
    const { ranking } = order;
    if (grammar === 0 || !ranking || !this.#sampleFew(logits, chain, grammar, ranking)) {
      this.#fill(logits);
      if (grammar !== 0) this.#llama.llama_sampler_apply(pointerAt(grammar), this.#array);
      this.#llama.llama_sampler_apply(chain, this.#array);
    }
    const { size, data } = this.#candidates();
    const selected = Number(this.#arrayView.getBigInt64(ARRAY.offsets.selected, true));
    if (selected < 0 || selected >= size) return { none: "grammar" };
    const at = selected * ENTRY.size;
    const token = data.getInt32(at + ENTRY.offsets.id);
    if (!Number.isFinite(data.getFloat32(at + ENTRY.offsets.logit))) return { none: "grammar" };
    this.#llama.llama_sampler_accept(chain, token);
    const { mirostat } = order;
    const probability = data.getFloat32(at + ENTRY.offsets.p);
    const choice = mirostat
      ? { token, mirostatMu: nextMu(mirostat, mirostat.mu, probability) }
      : { token };
    if (order.odds === undefined || !order.isPostSampling) return choice;
    const memory = data.getArrayBuffer(ENTRY.size * size);
    return { ...choice, odds: oddsAfter({ memory, ...ODDS }, token, order.odds) };
  }

  /**
   * Applies the samplers to the most probable tokens that a grammar allows, if the others make no
   * difference; false if they may.
   */
  #sampleFew(
    logits: Float32Array,
    chain: Deno.PointerValue,
    grammar: number,
    ranking: Ranking,
  ): boolean {
    for (const count of FEW) {
      if (2 * count > logits.length) return false;
      this.#fill(logits);
      this.#applyPart(chain, 0, ranking.weighs);
      this.#keepBest(count);
      const { data } = this.#candidates();
      const logitAt = (index: number) => data.getFloat32(index * ENTRY.size + ENTRY.offsets.logit);
      const last = logitAt(count - 1);
      this.#llama.llama_sampler_apply(pointerAt(grammar), this.#array);
      const allowed = Array.from({ length: count }, (_, index) => logitAt(index))
        .filter((logit) => logit !== -Infinity);
      const looked = { allowed: allowed.length, left: logits.length - count };
      if (!areEnough(ranking, { ...looked, gap: allowed[0]! - last })) continue;
      // The grammar has made some of them impossible where they are.
      this.#arrayView.setUint8(ARRAY.offsets.sorted, 0);
      this.#applyPart(chain, ranking.weighs, this.#llama.llama_sampler_chain_n(chain));
      return true;
    }
    return false;
  }

  /** Applies some of a chain's samplers. */
  #applyPart(chain: Deno.PointerValue, from: number, to: number): void {
    const llama = this.#llama;
    for (let at = from; at < to; at++) {
      llama.llama_sampler_apply(llama.llama_sampler_chain_get(chain, at), this.#array);
    }
  }

  /** Leaves the candidates with the greatest logits, in their order. */
  #keepBest(count: number): void {
    const best = this.#llama.llama_sampler_init_top_k(count);
    this.#llama.llama_sampler_apply(best, this.#array);
    this.#llama.llama_sampler_free(best);
  }

  #candidates(): { size: number; data: Deno.UnsafePointerView } {
    const size = Number(this.#arrayView.getBigUint64(ARRAY.offsets.size, true));
    const address = Number(this.#arrayView.getBigUint64(ARRAY.offsets.data, true));
    const data = new Deno.UnsafePointerView(pointerAt(address) as Deno.PointerObject);
    return { size, data };
  }

  #fill(logits: Float32Array): void {
    const entries = this.#entries ??= new Uint8Array(ENTRY.size * this.#vocabularySize);
    const ids = new Int32Array(entries.buffer);
    const floats = new Float32Array(entries.buffer);
    for (let id = 0; id < logits.length; id++) {
      const at = WORDS * id;
      ids[at] = id;
      floats[at + 1] = logits[id]!;
      floats[at + 2] = 0;
    }
    setArray(this.#array, entries, logits.length);
  }

  /**
   * Advances a grammar by a token that it allows; false if it does not. llama.cpp would throw through
   * us then, which ends the process.
   */
  #accept(grammar: number, token: number): boolean {
    return acceptIfAllowed(this.#llama, pointerAt(grammar), token, this.#one, this.#oneArray);
  }

  #isNumber(row: number, token: number): boolean {
    const shortlist = shortlistAfter(this.#llama, this.#context, row);
    if (shortlist) return Number.isFinite(shortlist.logits[shortlist.ids.indexOf(token)]);
    const pointer = this.#llama.llama_get_logits_ith(this.#context, row);
    if (pointer === null || token < 0) return false;
    return Number.isFinite(new Deno.UnsafePointerView(pointer).getFloat32(4 * token));
  }
}

/** What is to be chosen after the first choice; undefined: nothing. */
export function orderOfRest(
  order: ChooseOrder,
  first: Choice,
  ends: ReadonlySet<number>,
): ChooseOrder | undefined {
  if (!goesOnAfter(first, 0, order, ends)) return undefined;
  const { seeds, guessed } = order;
  return { ...orderAfter(order, first), seeds: seeds.slice(1), guessed: guessed.slice(1) };
}

/** Whether a choice is the one that was guessed, and does not end the generation. */
function goesOnAfter(
  choice: Choice,
  index: number,
  { guessed, stops }: ChooseOrder,
  ends: ReadonlySet<number>,
): choice is Exclude<Choice, { none: unknown }> {
  return !("none" in choice) && !ends.has(choice.token) && choice.token === guessed[index] &&
    !stops.includes(choice.token);
}

/** The order of the choice after one that was guessed. */
function orderAfter(
  order: ChooseOrder,
  { gaveUp, mirostatMu: mu }: Exclude<Choice, { none: unknown }>,
): ChooseOrder {
  const { mirostat } = order;
  if (!gaveUp && !mirostat) return order;
  return {
    ...order,
    ...gaveUp ? { grammar: 0 } : {},
    ...mirostat && mu !== undefined ? { mirostat: { ...mirostat, mu } } : {},
  };
}

/**
 * Advances a grammar by a token if it allows it.
 *
 * @param one Room for a candidate.
 * @param array Room for an array of candidates.
 */
export function acceptIfAllowed(
  llama: Llama,
  grammar: Deno.PointerValue,
  token: number,
  one: Uint8Array<ArrayBuffer> = new Uint8Array(ENTRY.size),
  array: Uint8Array<ArrayBuffer> = new Uint8Array(ARRAY.size),
): boolean {
  const entry = new DataView(one.buffer);
  entry.setInt32(ENTRY.offsets.id, token, true);
  entry.setFloat32(ENTRY.offsets.logit, 0, true);
  setArray(array, one, 1);
  llama.llama_sampler_apply(grammar, array);
  if (entry.getFloat32(ENTRY.offsets.logit, true) !== 0) return false;
  llama.llama_sampler_accept(grammar, token);
  return true;
}

function setArray(array: Uint8Array, entries: Uint8Array, size: number): void {
  const view = new DataView(array.buffer, array.byteOffset);
  view.setBigUint64(ARRAY.offsets.data, BigInt(addressOfBuffer(entries)), true);
  view.setBigUint64(ARRAY.offsets.size, BigInt(size), true);
  view.setBigInt64(ARRAY.offsets.selected, -1n, true);
  view.setUint8(ARRAY.offsets.sorted, 0);
}
