import type { ChatLogprobs, ChosenLogprob, CompletionLogprobs } from "#shared/contracts/mod.ts";

/** Log probabilities in the format of chats; null where there are none. */
export function toChatLogprobs(given: readonly ChosenLogprob[] | undefined): ChatLogprobs {
  if (given === undefined) return null;
  const content = given.map((each) => ({ ...toEntry(each), top_logprobs: each.top.map(toEntry) }));
  return { content, refusal: null };
}

function toEntry({ t, bytes, logprob }: Omit<ChosenLogprob, "top">) {
  const known = bytes ?? (t.includes("\ufffd") ? null : [...encoder.encode(t)]);
  return { token: t, logprob, bytes: known };
}

const encoder = new TextEncoder();

/**
 * Log probabilities in the format of completions; null where there are none.
 *
 * @param offset Where the first token's text begins in the whole text.
 */
export function toCompletionLogprobs(
  given: readonly ChosenLogprob[] | undefined,
  offset: number,
): CompletionLogprobs {
  if (given === undefined) return null;
  let at = offset;
  return {
    tokens: given.map((each) => each.t),
    token_logprobs: given.map((each) => each.logprob),
    top_logprobs: given.some((each) => each.top.length > 0)
      ? given.map((each) => Object.fromEntries(each.top.map(({ t, logprob }) => [t, logprob])))
      : null,
    text_offset: given.map((each) => {
      const start = at;
      at += each.t.length;
      return start;
    }),
  };
}
