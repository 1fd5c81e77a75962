import type { GgufValue } from "./gguf_writer.ts";

/** GGUF's numbers of the kinds of tokens. */
export const KIND = { normal: 1, unknown: 2, control: 3, user: 4, byte: 6 } as const;

/** A SentencePiece vocabulary. */
export interface Vocabulary {
  readonly size: number;
  /** Id of the token for the start of a text. */
  readonly bos: number;
  /** Id of the token for the end of an answer. */
  readonly eos: number;
  /** Id of the token of one byte, `<0x00>` to `<0xFF>`. */
  byte(value: number): number;
  /** Id of `▁wN`, which reads as " wN". */
  number(value: number): number;
  /** Id of an extra token, by its index. */
  extra(index: number): number;
  /** The `tokenizer.ggml.*` keys. */
  readonly metadata: Readonly<Record<string, GgufValue>>;
}

/** Tokens 0, 1 and 2; the bytes and the pieces that words are merged from follow. */
const SPECIAL = ["<unk>", "<s>", "</s>"] as const;
const BYTES = 256;
const PIECES = ["▁", "w", ..."0123456789", "▁w"] as const;

/** A chat template that only joins the messages, so that a user's "w7" is answered with " w8". */
const ECHO = "{% for message in messages %}{{ message['content'] }}{% endfor %}";

/** Number of tokens of the smallest vocabulary. */
export const MIN_VOCABULARY = SPECIAL.length + BYTES + PIECES.length;

/**
 * A vocabulary of bytes and of the words ` w0` to ` w{numbers - 1}`.
 *
 * SentencePiece begins with single characters and joins the pair with the best score until no pair
 * is a token: `▁ w 1 2` → `▁w 1 2` → `▁w1 2` → `▁w12`. Each prefix of a number is a smaller number
 * and so a token too, and no other pair is one, hence every number ends as one token. A character
 * that is not a token (any but those of the words) becomes its bytes.
 */
export function wordVocabulary(
  numbers: number,
  { extra = [], template = ECHO }: { extra?: readonly string[]; template?: string } = {},
): Vocabulary {
  const bytes = Array.from(
    { length: BYTES },
    (_, value) => `<0x${value.toString(16).toUpperCase().padStart(2, "0")}>`,
  );
  const words = Array.from({ length: numbers }, (_, value) => `▁w${value}`);
  const tokens = [...SPECIAL, ...bytes, ...PIECES, ...words, ...extra];
  const kinds = [
    KIND.unknown,
    KIND.control,
    KIND.control,
    ...bytes.map(() => KIND.byte),
    ...[...PIECES, ...words].map(() => KIND.normal),
    ...extra.map(() => KIND.user),
  ];
  return {
    size: tokens.length,
    bos: 1,
    eos: 2,
    byte: (value) => SPECIAL.length + value,
    number: (value) => MIN_VOCABULARY + value,
    extra: (index) => MIN_VOCABULARY + numbers + index,
    metadata: {
      "tokenizer.ggml.model": { string: "llama" },
      "tokenizer.ggml.tokens": { strings: tokens },
      "tokenizer.ggml.scores": { f32s: tokens.map((_, id) => -id) },
      "tokenizer.ggml.token_type": { i32s: kinds },
      "tokenizer.ggml.bos_token_id": { u32: 1 },
      "tokenizer.ggml.eos_token_id": { u32: 2 },
      "tokenizer.ggml.unknown_token_id": { u32: 0 },
      "tokenizer.ggml.add_bos_token": { bool: true },
      "tokenizer.ggml.add_eos_token": { bool: false },
      "tokenizer.chat_template": { string: template },
    },
  };
}

/** Characters that stand for bytes in a byte-pair vocabulary, as GPT-2 writes them. */
export const BYTE_LETTERS: readonly string[] = (() => {
  const isPlain = (byte: number) =>
    byte > 0x20 && byte < 0x7f || byte > 0xa0 && byte < 0xad || byte > 0xad;
  let others = 0;
  return Array.from(
    { length: BYTES },
    (_, byte) => String.fromCodePoint(isPlain(byte) ? byte : 0x100 + others++),
  );
})();

/** Characters whose runs of two, four, … up to `longest` are tokens. */
const RUN_LETTERS: readonly [character: string, longest: number][] = [
  ...[[" ", 128], ["=", 64], ["\n", 16], ["\t", 16], ["a", 8], ["7", 4]] as const,
].map(([character, longest]) => [character, longest]);

/** Merges of letters, in order of priority. */
const PAIRS = ["th", "he", "in", "er", "an", "on", " t", " th", " the", " a", " w", "ing", " in"];

/**
 * The `tokenizer.ggml.*` keys of a byte-pair vocabulary: all bytes, runs of some characters, and a few
 * pieces of English.
 *
 * @param pre Name of the pre-tokenizer, as llama.cpp knows it.
 */
export function bytePairVocabulary(pre: string): Readonly<Record<string, GgufValue>> {
  const letters = (text: string) =>
    Array.from(new TextEncoder().encode(text), (byte) => BYTE_LETTERS[byte]!).join("");
  const merges: string[] = [];
  const pieces: string[] = [];
  const join = (left: string, right: string) => {
    merges.push(`${letters(left)} ${letters(right)}`);
    pieces.push(letters(left + right));
  };
  for (const [character, longest] of RUN_LETTERS) {
    for (let count = 1; count < longest; count *= 2) {
      join(character.repeat(count), character.repeat(count));
    }
  }
  for (const pair of PAIRS) join(pair.slice(0, -1), pair.slice(-1));
  // The bytes of 好, which are not characters by themselves.
  const [first, second, third] = Array.from(
    new TextEncoder().encode("好"),
    (byte) => BYTE_LETTERS[byte]!,
  ) as [string, string, string];
  merges.push(`${first} ${second}`, `${first}${second} ${third}`);
  pieces.push(first + second, first + second + third);
  const tokens = [...BYTE_LETTERS, ...new Set(pieces), "<|end|>"];
  return {
    "tokenizer.ggml.model": { string: "gpt2" },
    "tokenizer.ggml.pre": { string: pre },
    "tokenizer.ggml.tokens": { strings: tokens },
    "tokenizer.ggml.token_type": {
      i32s: tokens.map((_, id) => id === tokens.length - 1 ? KIND.control : KIND.normal),
    },
    "tokenizer.ggml.merges": { strings: merges },
    "tokenizer.ggml.eos_token_id": { u32: tokens.length - 1 },
    "tokenizer.ggml.add_bos_token": { bool: false },
  };
}
