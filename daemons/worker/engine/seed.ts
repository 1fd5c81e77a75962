/** Seeds are below this: to llama.cpp 0xffffffff means a random seed. */
const SEEDS = 0xffffffff;

/** A random seed, for a request without one. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! % SEEDS;
}

/**
 * The seed of one token. It depends only on the request's seed and the token's position, so that a
 * generation that is resumed elsewhere chooses the same tokens.
 *
 * @param position Index of the token among the generated ones, from 0.
 */
export function seedAt(seed: number, position: number): number {
  let hash = Math.imul(seed ^ (seed >>> 16), 0x7feb352d) + Math.imul(position + 1, 0x9e3779b9);
  hash = Math.imul(hash ^ (hash >>> 16), 0x21f0aaad);
  hash = Math.imul(hash ^ (hash >>> 15), 0x735a2d97);
  return ((hash ^ (hash >>> 15)) >>> 0) % SEEDS;
}
