import type { Odds, TokenOdds } from "../../engine.ts";

/** Reported logarithm of probability 0, as in OpenAI's API: JSON has no infinity. */
const IMPOSSIBLE = -9999;
/** A token this far below the best one adds less to a sum than its rounding. */
const NEGLIGIBLE = 40;
/** Steps between two numbers in {@linkcode FALLS}. */
const STEPS = 256;
/** exp(0), exp(-1/STEPS), …, exp(-NEGLIGIBLE): five times as quick as `Math.exp`. */
const FALLS = Float64Array.from({ length: NEGLIGIBLE * STEPS }, (_, n) => Math.exp(-n / STEPS));

/**
 * How probable a token and the `count` most probable ones are: the softmax of a row of logits, before
 * any sampling.
 *
 * @param logits One number for each token of the vocabulary.
 */
export function oddsOf(logits: Float32Array, token: number, count: number): Odds {
  const top = highest(logits, Math.max(1, count));
  const best = logits[top[0]!]!;
  const all = best + Math.log(sumBelow(logits, best));
  const logprob = (id: number) => bounded(logits[id]! - all);
  return {
    logprob: logprob(token),
    top: top.slice(0, count).map((id) => ({ token: id, logprob: logprob(id) })),
  };
}

/** Candidates as C has them, one after the other, each of some 32-bit words. */
export interface CandidateWords {
  readonly memory: ArrayBuffer;
  /** Words of a candidate, and where among them its id and its probability are. */
  readonly words: number;
  readonly id: number;
  readonly probability: number;
}

/**
 * How probable tokens are after sampling. There may be a whole vocabulary of them, so they are read where
 * they are: copies would take more memory than all else that a choice needs.
 */
export function oddsAfter(
  { memory, words, id, probability }: CandidateWords,
  token: number,
  count: number,
): Odds {
  const [ids, probabilities] = [new Int32Array(memory), new Float32Array(memory)];
  const idAt = (at: number) => ids[at - probability + id]!;
  let own = 0;
  for (let at = probability; at < ids.length; at += words) {
    if (idAt(at) === token) own = probabilities[at]!;
  }
  const top: TokenOdds[] = highest(probabilities, count, { from: probability, step: words })
    .map((at) => ({ token: idAt(at), logprob: bounded(Math.log(probabilities[at]!)) }));
  return { logprob: bounded(Math.log(own)), top };
}

/** Which numbers of an array are meant. */
interface Places {
  readonly from: number;
  readonly step: number;
}

const ALL: Places = { from: 0, step: 1 };

/** Id of the highest number; of equal ones, the lower id. */
export function best(logits: Float32Array): number {
  let found = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id]! > logits[found]!) found = id;
  return found;
}

/** Ids of the `count` highest numbers, the highest first; of equal ones, the lower id. */
function highest(logits: Float32Array, count: number, { from, step }: Places = ALL): number[] {
  const ids: number[] = [];
  if (count === 0) return ids;
  let least = -Infinity;
  for (let id = from; id < logits.length; id += step) {
    const value = logits[id]!;
    if (ids.length >= count && !(value > least)) continue;
    let at = ids.length;
    while (at > 0 && logits[ids[at - 1]!]! < value) at--;
    ids.splice(at, 0, id);
    if (ids.length > count) ids.pop();
    least = logits[ids.at(-1)!]!;
  }
  return ids;
}

/** Sum of exp(logit - best) of all tokens, to 8 digits. */
function sumBelow(logits: Float32Array, best: number): number {
  let sum = 0;
  for (let id = 0; id < logits.length; id++) {
    const below = best - logits[id]!;
    // Also false for what is no number.
    if (!(below < NEGLIGIBLE)) continue;
    const step = Math.trunc(below * STEPS);
    const rest = below - step / STEPS;
    sum += FALLS[step]! * (1 - rest + rest * rest / 2);
  }
  return sum;
}

function bounded(logprob: number): number {
  return Math.max(Math.min(logprob, 0), IMPOSSIBLE);
}
