/** Number of tokens at the start of a prompt that are the given ones. */
export function commonLength(held: readonly number[], prompt: readonly number[]): number {
  const most = Math.min(held.length, prompt.length);
  let common = 0;
  while (common < most && held[common] === prompt[common]) common++;
  return common;
}
