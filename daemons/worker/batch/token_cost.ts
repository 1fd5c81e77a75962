/** Weight that older measurements keep with each new one. */
const KEPT = 0.9;

/**
 * How long a prompt token takes, learned from measurements: attention takes longer the more tokens are
 * before it, so a straight line is fitted, by least squares in which older measurements fade.
 */
export class TokenCost {
  #weight = 0;
  #depth = 0;
  #ms = 0;
  #depthDepth = 0;
  #depthMs = 0;

  /**
   * @param depth Tokens before the measured ones.
   * @param ms Time of one token.
   */
  learn(depth: number, ms: number): void {
    this.#weight = KEPT * this.#weight + 1;
    this.#depth = KEPT * this.#depth + depth;
    this.#ms = KEPT * this.#ms + ms;
    this.#depthDepth = KEPT * this.#depthDepth + depth * depth;
    this.#depthMs = KEPT * this.#depthMs + depth * ms;
  }

  /** Time of a token in ms with this many before it; undefined before anything was measured. */
  at(depth: number): number | undefined {
    if (this.#weight === 0) return undefined;
    const meanDepth = this.#depth / this.#weight;
    const meanMs = this.#ms / this.#weight;
    const variance = this.#depthDepth / this.#weight - meanDepth ** 2;
    const together = this.#depthMs / this.#weight - meanDepth * meanMs;
    // Deeper tokens are never quicker: a falling line is noise.
    const slope = variance < 1 ? 0 : Math.max(0, together / variance);
    return Math.max(meanMs + slope * (depth - meanDepth), meanMs / 10);
  }
}
