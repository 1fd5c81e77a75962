/** What the plan of one step depends on. */
export interface PrefillSituation {
  /** Prompt tokens that each waiting sequence still has to evaluate. */
  readonly remaining: readonly number[];
  /** Sequences that generate in the same step. */
  readonly generating: number;
  /** Most prompt tokens in a step beside sequences that generate. */
  readonly chunk: number;
  /** Most tokens in a step. */
  readonly batchSize: number;
}

/**
 * llama.cpp computes so many tokens together, or more, in another way than a few, with other rounding.
 * The last token of a prompt, after which the reply begins, is computed by itself then: as it is when
 * the slot holds the whole prompt already, so that the same request has the same reply.
 */
const MANY = 64;

/**
 * How many prompt tokens each sequence evaluates in the next step: all together at most the chunk
 * while others generate (they would stall), else at most the batch; shared evenly, what one does
 * not need going to the next.
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
