/** The largest seed, exclusive. llama.cpp takes 0xffffffff for "choose one yourself". */
const SEEDS = 0xffffffff;

/** A seed for a request that brought none. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! % SEEDS;
}

/**
 * The seed of one token. Because it depends on the request's seed and the token's position alone,
 * a generation that is resumed elsewhere chooses as the unbroken one would have.
 *
 * @param position Index of the token among the generated ones, from 0.
 */
export function seedAt(seed: number, position: number): number {
  let hash = Math.imul(seed ^ (seed >>> 16), 0x7feb352d) + Math.imul(position + 1, 0x9e3779b9);
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad);
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97);
  return ((hash ^ (hash >>> 15)) >>> 0) % SEEDS;
}
