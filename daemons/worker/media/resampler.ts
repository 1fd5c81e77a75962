/** Samples on each side from which one of another rate is made. */
const REACH = 16;
/** Places between two samples whose weights are kept. */
const MOST_KEPT = 2048;

/**
 * Gives sound another number of samples in a second, without tones that it cannot have. It takes the sound in
 * parts, and keeps only those samples of it that are used again.
 */
export class Resampler {
  readonly #own: number;
  readonly #rate: number;
  readonly #made: Float32Array[] = [];
  readonly #kept = new Map<number, Weights>();
  /** Samples that are used for those that come next. */
  #held = new Float32Array();
  /** Index of the first one of them. */
  #first = 0;
  /** Index of the sample that is made next. */
  #next = 0;

  /**
   * @param own Samples of a second that the sound has.
   * @param rate Those that it gets.
   */
  constructor(own: number, rate: number) {
    this.#own = own;
    this.#rate = rate;
  }

  /** Takes the next samples. */
  push(samples: Float32Array): void {
    if (this.#own === this.#rate) {
      this.#made.push(samples.slice());
      return;
    }
    const whole = new Float32Array(this.#held.length + samples.length);
    whole.set(this.#held);
    whole.set(samples, this.#held.length);
    this.#held = whole;
    const end = this.#first + whole.length;
    const made = new Float32Array(Math.ceil(whole.length * this.#rate / this.#own) + 1);
    const from = this.#next;
    for (;; this.#next++) {
      const { at, weights } = this.#placeOf(this.#next);
      if (at + weights.length > end) break;
      made[this.#next - from] = this.#sampleOf(at, weights);
    }
    this.#made.push(made.slice(0, this.#next - from));
    const unused = Math.max(0, this.#placeOf(this.#next).at - this.#first);
    this.#held = whole.slice(unused);
    this.#first += Math.min(unused, whole.length);
  }

  /** All samples, once the sound is whole. */
  end(): Float32Array<ArrayBuffer> {
    if (this.#own !== this.#rate) {
      const count = Math.floor((this.#first + this.#held.length) * this.#rate / this.#own);
      const rest = new Float32Array(Math.max(0, count - this.#next));
      for (let index = 0; index < rest.length; index++) {
        const { at, weights } = this.#placeOf(this.#next + index);
        rest[index] = this.#sampleOf(at, weights);
      }
      this.#made.push(rest);
    }
    const whole = new Float32Array(this.#made.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of this.#made) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  /** The first sample from which one is made, and the weights of it and those that follow. */
  #placeOf(index: number): { readonly at: number; readonly weights: Float64Array } {
    const part = index * this.#own % this.#rate;
    let weights = this.#kept.get(part);
    if (!weights) {
      weights = weightsAt(part / this.#rate, Math.max(1, this.#own / this.#rate));
      if (this.#kept.size < MOST_KEPT) this.#kept.set(part, weights);
    }
    const whole = (index * this.#own - part) / this.#rate;
    return { at: whole + weights.first, weights: weights.values };
  }

  /** Beyond both ends there is nothing: the others weigh more there. */
  #sampleOf(at: number, weights: Float64Array): number {
    const [held, from] = [this.#held, at - this.#first];
    const [first, last] = [Math.max(0, -from), Math.min(weights.length, held.length - from)];
    let sum = 0;
    for (let index = first; index < last; index++) sum += weights[index]! * held[from + index]!;
    if (last - first === weights.length) return sum;
    let weight = 0;
    for (let index = first; index < last; index++) weight += weights[index]!;
    return weight === 0 ? 0 : sum / weight;
  }
}

interface Weights {
  /** Where the first of the values is, from the sample before the place on. */
  readonly first: number;
  readonly values: Float64Array;
}

/** Weights of the samples around a place between two of them, from 0 to 1. Together they are 1. */
function weightsAt(place: number, stretch: number): Weights {
  const reach = REACH * stretch;
  const [first, last] = [Math.ceil(place - reach), Math.floor(place + reach)];
  const values = Float64Array.from({ length: last - first + 1 }, (_, index) => {
    const away = (first + index - place) / stretch;
    return sinc(away) * sinc(away / REACH);
  });
  const sum = values.reduce((total, value) => total + value, 0);
  return { first, values: values.map((value) => value / sum) };
}

function sinc(value: number): number {
  return value === 0 ? 1 : Math.sin(Math.PI * value) / (Math.PI * value);
}
