/** Input of {@linkcode planPrefill}. */
export interface PrefillSituation {
  /** Prompt tokens left to evaluate, for each sequence that reads its prompt. */
  readonly remaining: readonly number[];
  /** Sequences that generate in this step. */
  readonly generating: number;
  /** Most prompt tokens of a step in which sequences generate. */
  readonly chunk: number;
  /** Most tokens in a step. */
  readonly batchSize: number;
}

/**
 * From this number on, llama.cpp computes tokens together in another way, with other rounding, than
 * a few. The last token of a prompt is then computed by itself, as it is when the slot has already
 * evaluated the whole prompt: so the same request gets the same reply.
 */
const MANY = 64;

/**
 * Decides how many prompt tokens each sequence evaluates in the next step. Together they are at
 * most the chunk while others generate, which would stall otherwise, or else at most the batch.
 * They are shared evenly; what a sequence does not need goes to the next one.
 */
export function planPrefill(situation: PrefillSituation): number[] {
  const { remaining, generating, chunk, batchSize } = situation;
  const room = generating > 0 ? Math.min(chunk, batchSize - generating) : batchSize;
  let budget = Math.max(remaining.length, room);
  return remaining.map((need, index) => {
    const share = Math.max(1, Math.floor(budget / (remaining.length - index)));
    const isWhole = need <= share;
    const take = isWhole && need < MANY ? need : isWhole ? need - 1 : share;
    budget -= take;
    return take;
  });
}
