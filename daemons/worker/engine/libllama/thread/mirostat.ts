/** What Mirostat takes, beside its state. */
export interface Mirostat {
  readonly version: 1 | 2;
  readonly tau: number;
  readonly eta: number;
}

/** Mirostat's state before the first token, in the precision that llama.cpp has. */
export function firstMu({ tau }: Mirostat): number {
  return Math.fround(2 * Math.fround(tau));
}

/**
 * Mirostat's state after a token.
 *
 * @param probability The token's, among the candidates that Mirostat left.
 */
export function nextMu({ tau, eta }: Mirostat, mu: number, probability: number): number {
  const surprise = Math.fround(-Math.log2(probability));
  const error = Math.fround(surprise - Math.fround(tau));
  return Math.fround(mu - Math.fround(Math.fround(eta) * error));
}
