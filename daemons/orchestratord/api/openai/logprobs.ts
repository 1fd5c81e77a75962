import type {
  ChatLogprobs,
  ChosenLogprob,
  CompletionLogprobs,
  PromptLogprob,
} from "#shared/contracts/mod.ts";

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

/** Logprobs of candidates by their text. */
function topOf(top: readonly Entry[]): Record<string, number> {
  return Object.fromEntries(top.map((each) => [toText(each), each.logprob]));
}

/** The bytes of a token. */
function bytesOf({ t, bytes }: Pick<Entry, "t" | "bytes">): Uint8Array {
  return bytes ? new Uint8Array(bytes) : encoder.encode(t);
}

/** The text of a prompt's tokens. */
export function promptText(tokens: readonly PromptLogprob[]): string {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  return tokens.map((each) => decoder.decode(bytesOf(each), { stream: true })).join("") +
    decoder.decode();
}

/** A token's text; that of a part of a character tells its bytes as OpenAI does: `bytes:\\xe2\\x96`. */
function toText({ t, bytes }: Pick<Entry, "t" | "bytes">): string {
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
      ? given.map(({ top }) => topOf(top))
      : null,
    text_offset: given.map(({ t, bytes }) => {
      const start = at;
      at += decoder.decode(bytesOf({ t, bytes }), { stream: true }).length;
      return start;
    }),
  };
}

/**
 * Log probabilities of a prompt and of what was generated after it, in the format of completions.
 *
 * @param text The prompt's text.
 */
export function toEchoedLogprobs(
  prompt: readonly PromptLogprob[],
  text: string,
  generated: readonly ChosenLogprob[],
): NonNullable<CompletionLogprobs> {
  const after = toCompletionLogprobs(generated, text.length)!;
  const hasTop = [...prompt, ...generated].some(({ top }) => top.length > 0);
  const tops = prompt.map(({ logprob, top }) => logprob === undefined ? null : topOf(top));
  return {
    tokens: [...prompt.map(toText), ...after.tokens],
    token_logprobs: [...prompt.map(({ logprob }) => logprob ?? null), ...after.token_logprobs],
    top_logprobs: hasTop ? [...tops, ...generated.map(({ top }) => topOf(top))] : null,
    text_offset: [...offsetsOf(prompt, text), ...after.text_offset],
  };
}

/**
 * Where each token of a prompt begins in its text. A begin token and a space before the text, which some
 * tokenizers add, are not in it.
 */
function offsetsOf(tokens: readonly PromptLogprob[], text: string): number[] {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let at = 0;
  return tokens.map((token) => {
    const start = at;
    const own = decoder.decode(bytesOf(token), { stream: true });
    const found = [own, own.replace(/^ /, "")].find((each) => text.startsWith(each, at));
    at += found?.length ?? 0;
    return start;
  });
}
