import type { ChatLogprobs, ChosenLogprob, CompletionLogprobs } from "#shared/contracts/mod.ts";

/** Log probabilities in the format of chats; null where there are none. */
export function toChatLogprobs(given: readonly ChosenLogprob[] | undefined): ChatLogprobs {
  if (given === undefined) return null;
  const content = given.map((each) => ({ ...toEntry(each), top_logprobs: each.top.map(toEntry) }));
  return { content, refusal: null };
}

type Entry = Omit<ChosenLogprob, "top">;

function toEntry({ t, bytes, logprob }: Entry) {
  const known = bytes ?? (t.includes("\ufffd") ? null : [...encoder.encode(t)]);
  return { token: t, logprob, bytes: known };
}

const encoder = new TextEncoder();

/** A token's text; that of a part of a character tells its bytes as OpenAI does: `bytes:\\xe2\\x96`. */
function toText({ t, bytes }: Entry): string {
  if (!bytes) return t;
  const shown = bytes.map((byte) =>
    byte >= 0x20 && byte < 0x7f
      ? String.fromCharCode(byte)
      : `\\x${byte.toString(16).padStart(2, "0")}`
  );
  return `bytes:${shown.join("")}`;
}

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
  // A character that several tokens make up counts with the last of them.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return {
    tokens: given.map(toText),
    token_logprobs: given.map((each) => each.logprob),
    top_logprobs: given.some((each) => each.top.length > 0)
      ? given.map(({ top }) => Object.fromEntries(top.map((each) => [toText(each), each.logprob])))
      : null,
    text_offset: given.map(({ t, bytes }) => {
      const start = at;
      const whole = bytes ? new Uint8Array(bytes) : encoder.encode(t);
      at += decoder.decode(whole, { stream: true }).length;
      return start;
    }),
  };
}
