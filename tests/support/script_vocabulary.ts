import type { GgufValue } from "./gguf_writer.ts";
import { BYTE_LETTERS, KIND } from "./vocabulary.ts";

/** A token of a script. */
export interface Step {
  readonly id: number;
  /** Whether it stands nowhere else, neither in scripts nor in any prompt. */
  readonly isOwn: boolean;
}

/** The tokens of a script model. */
export interface ScriptVocabulary {
  readonly size: number;
  readonly eos: number;
  /** Ids of the words that choose a script. */
  readonly words: readonly number[];
  readonly scripts: readonly (readonly Step[])[];
  /** The `tokenizer.ggml.*` keys. */
  readonly metadata: Readonly<Record<string, GgufValue>>;
}

/** What a {@linkcode scriptVocabulary} has. */
export interface ScriptVocabularyOptions {
  /** Texts, or their pieces. */
  readonly scripts: readonly (string | readonly string[])[];
  /** Characters of three bytes that are tokens in a prompt. */
  readonly words: readonly string[];
  readonly control?: readonly string[];
  readonly userDefined?: readonly string[];
  readonly bos: string;
  readonly eos: string;
  readonly addBos?: boolean;
  /** An ASCII letter of which 2, 4, …, 64 in a row are one token: long texts of it have few tokens. */
  readonly runsOf?: string;
}

/**
 * A byte-pair vocabulary in which a prompt becomes bytes, marks and words, and a script becomes marks
 * and tokens of its own.
 *
 * No merge leads to a script's pieces, so no prompt has them. llama.cpp wants token texts to differ: a
 * piece that was there before is said byte by byte, by byte tokens, of whose text only `<0xNN>` is read.
 */
export function scriptVocabulary(options: ScriptVocabularyOptions): ScriptVocabulary {
  const { scripts, words, control = [], userDefined = [], bos, eos } = options;
  const tokens: { readonly text: string; readonly kind: number }[] = [];
  const ids = new Map<string, number>();
  const add = (text: string, kind: number): number => {
    ids.set(text, tokens.length);
    return tokens.push({ text, kind }) - 1;
  };
  for (const letter of BYTE_LETTERS) add(letter, KIND.normal);
  const marks = new Map<string, number>();
  for (const text of new Set([bos, eos, ...control])) marks.set(text, add(text, KIND.control));
  for (const text of new Set(userDefined)) marks.set(text, add(text, KIND.user));
  const merges: string[] = [];
  for (let run = options.runsOf ?? ""; run.length > 0 && run.length < 64; run += run) {
    merges.push(`${run} ${run}`);
    add(run + run, KIND.normal);
  }
  const wordIds = words.map((word) => {
    const [first, second, third] = Array.from(letters(word)) as [string, string, string];
    const start = first + second;
    if (!ids.has(start)) add(start, KIND.normal);
    for (const merge of [`${first} ${second}`, `${start} ${third}`]) {
      if (!merges.includes(merge)) merges.push(merge);
    }
    return add(start + third, KIND.normal);
  });
  const sayPiece = (piece: string): Step[] => {
    const mark = marks.get(piece);
    if (mark !== undefined) return [{ id: mark, isOwn: false }];
    const text = letters(piece);
    if (!ids.has(text)) return [{ id: add(text, KIND.normal), isOwn: true }];
    return Array.from(new TextEncoder().encode(piece), (byte) => {
      const name = `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
      return { id: add(`${name}#${tokens.length}`, KIND.byte), isOwn: true };
    });
  };
  const steps = scripts.map((script) =>
    (typeof script === "string" ? cutScript(script, [...marks.keys()]) : script).flatMap(sayPiece)
  );
  return {
    size: tokens.length,
    eos: marks.get(eos)!,
    words: wordIds,
    scripts: steps,
    metadata: {
      "tokenizer.ggml.model": { string: "gpt2" },
      "tokenizer.ggml.pre": { string: "gpt-2" },
      "tokenizer.ggml.tokens": { strings: tokens.map(({ text }) => text) },
      "tokenizer.ggml.token_type": { i32s: tokens.map(({ kind }) => kind) },
      "tokenizer.ggml.merges": { strings: merges },
      "tokenizer.ggml.bos_token_id": { u32: marks.get(bos)! },
      "tokenizer.ggml.eos_token_id": { u32: marks.get(eos)! },
      "tokenizer.ggml.add_bos_token": { bool: options.addBos ?? false },
    },
  };
}

/** Marks, and between them pieces as byte-pair tokenizers make them: short words with their space, digits, signs. */
export function cutScript(text: string, marks: readonly string[]): string[] {
  const longestFirst = marks.toSorted((a, b) => b.length - a.length).map(escape);
  const parts = longestFirst.length === 0
    ? [text]
    : text.split(new RegExp(`(${longestFirst.join("|")})`));
  return parts.flatMap((part, index) =>
    index % 2 === 1
      ? [part]
      : part.match(/ ?\p{L}{1,5}|\p{N}|\n+| ?[^\s\p{L}\p{N}]{1,3}|\s/gu) ?? []
  );
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

/** A text as byte-pair vocabularies write it: a letter for each byte. */
function letters(text: string): string {
  return Array.from(new TextEncoder().encode(text), (byte) => BYTE_LETTERS[byte]!).join("");
}
