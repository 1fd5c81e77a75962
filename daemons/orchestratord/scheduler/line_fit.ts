/** Weight that an earlier measurement has beside the next one. */
const KEPT = 0.95;

/**
 * A straight line through measurements, of which later ones count more. It never falls, and never begins
 * below 0.
 */
export class LineFit {
  #weight = 0;
  #x = 0;
  #y = 0;
  #xx = 0;
  #xy = 0;

  /** Adds a measurement. */
  note(x: number, y: number): void {
    this.#weight = this.#weight * KEPT + 1;
    this.#x = this.#x * KEPT + x;
    this.#y = this.#y * KEPT + y;
    this.#xx = this.#xx * KEPT + x * x;
    this.#xy = this.#xy * KEPT + x * y;
  }

  /** The line's value; undefined before the first measurement. */
  at(x: number): number | undefined {
    if (this.#weight === 0) return undefined;
    const meanX = this.#x / this.#weight;
    const meanY = this.#y / this.#weight;
    const spread = this.#xx / this.#weight - meanX * meanX;
    const slope = spread <= 1e-9 * this.#xx / this.#weight
      ? 0
      : (this.#xy / this.#weight - meanX * meanY) / spread;
    // A line through the origin is the steepest that does not begin below 0.
    const bounded = Math.min(Math.max(0, slope), meanX > 0 ? meanY / meanX : 0);
    return Math.max(0, meanY + bounded * (x - meanX));
  }
}
