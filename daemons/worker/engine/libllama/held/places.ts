/** Fewest tokens that a checkpoint must save a later request. */
const WORTH = 16;
/** Tokens before the end of a prompt that a longer text may tokenize in another way. */
const TAIL = 4;

/** Facts of {@linkcode placesToKeep}. */
export interface Places {
  readonly prompt: readonly number[];
  /** Tokens of it that are evaluated already. */
  readonly from: number;
  /** Tokens of it that an earlier prompt began with. */
  readonly shared: number;
  /** Whether a token ends what somebody says. */
  readonly ends: (token: number) => boolean;
}

/**
 * Chooses the lengths of a prompt from which later prompts will probably go on, in ascending order:
 *
 * 1. Where it differs from the prompt before it: others that begin so will differ there too.
 * 2. After the last two messages: the next turn of a chat may write what follows in another way, and
 *    another question may follow the message before the last.
 * 3. Without messages, shortly before its end.
 *
 * All are shorter than the prompt, whose last token must be evaluated again.
 */
export function placesToKeep({ prompt, from, shared, ends }: Places): number[] {
  const messages = lastEnds(prompt, ends);
  const wanted = [shared, ...messages, ...messages.length === 0 ? [prompt.length - TAIL] : []];
  const places: number[] = [];
  for (const place of wanted.toSorted((a, b) => a - b)) {
    if (place < from + WORTH || place >= prompt.length) continue;
    if (place >= (places.at(-1) ?? -WORTH) + WORTH) places.push(place);
  }
  return places;
}

/** Lengths behind the last two tokens that end a message, but not those at the very end. */
function lastEnds(prompt: readonly number[], ends: (token: number) => boolean): number[] {
  const found: number[] = [];
  for (let at = prompt.length - 2; at >= 0 && found.length < 2; at--) {
    if (ends(prompt[at]!)) found.unshift(at + 1);
  }
  return found;
}
