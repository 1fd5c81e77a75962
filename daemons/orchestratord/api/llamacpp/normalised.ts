/** What the largest number of a vector becomes with norm 0: numbers fit into 16 bits. */
const LARGEST = 32_760;

/**
 * Scales a vector so that its norm is 1; with norm 0, so that its largest number is 32760, as llama-server
 * does. The vector may have any length, since that changes nothing.
 */
export function normalised(vector: readonly number[], norm: number): number[] {
  const sizes = vector.map(Math.abs);
  const size = norm === 0
    ? Math.max(0, ...sizes) / LARGEST
    : norm === 2
    ? Math.hypot(...vector)
    : sizes.reduce((sum, each) => sum + each ** norm, 0) ** (1 / norm);
  return vector.map((value) => size > 0 ? value / size : 0);
}
