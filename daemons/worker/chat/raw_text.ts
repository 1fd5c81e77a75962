import { Turn } from "#shared/in_turns.ts";
import { breakMarks, type MarkFinder, partsAt } from "./broken_marks.ts";
import type { ChatTokenizer, SpecialToken, TokensSeen } from "./tokenizer.ts";

/**
 * Finds tokens that a model reads as marks: user-defined tokens that are in `marks`,
 * and control tokens if `special` is set. Other user-defined tokens, such as runs of spaces,
 * are text.
 *
 * @param marks Texts that the template, thoughts and calls have as marks.
 */
export function markFinder(
  tokenizer: Pick<ChatTokenizer, "tokenize" | "specials">,
  marks: readonly string[],
  special: boolean,
): MarkFinder {
  const isMark = ({ text, isControl }: SpecialToken) =>
    isControl
      ? special
      : text.trim().length > 1 && marks.some((mark) => mark.includes(text.trim()));
  const texts = new Map(
    [...tokenizer.specials].filter(([, token]) => isMark(token)).map((
      [id, { text }],
    ) => [id, text]),
  );
  const beginnings = new Set(
    [...texts.values()].map((text) =>
      [...text].slice(0, 2).join("").replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")
    ),
  );
  return {
    tokenize: (text) => tokenizer.tokenize(text, special),
    markText: (token) => texts.get(token),
    beginnings: beginnings.size === 0 ? /(?!)/ : new RegExp([...beginnings].join("|"), "u"),
    longest: Math.max(0, ...[...texts.values()].map((text) => text.length)),
  };
}

/**
 * Tokenizes a text whose marks are broken.
 *
 * @param cut The character of {@linkcode breakMarks}; undefined if there were no marks.
 */
export async function tokenizeBroken(
  text: string,
  cut: string | undefined,
  tokenizer: Pick<ChatTokenizer, "tokenize" | "tokenizeNext">,
  special: boolean,
  seen?: TokensSeen,
): Promise<number[]> {
  if (cut === undefined) return await tokenizer.tokenize(text, special, seen);
  const [first = "", ...rest] = partsAt(text, cut);
  // Each part with a character that is no space has a token or more.
  seen?.([first, ...rest].filter((part) => /\S/.test(part)).length);
  const turn = new Turn();
  const tokens = await tokenizer.tokenize(first, special, seen);
  for (const part of rest) {
    const own = await tokenizer.tokenizeNext(
      part,
      special,
      (count) => seen?.(tokens.length + count),
    );
    for (const token of own) tokens.push(token);
    seen?.(tokens.length);
    await turn.pause();
  }
  return tokens;
}

/** Texts of user-defined tokens that a template writes as marks: in brackets, or with bars. */
export function marksIn(source: string, specials: Iterable<SpecialToken>): string[] {
  return [...specials].map(({ text }) => text.trim())
    .filter((text) => /^[<[].+[>\]]$|.[|｜]./u.test(text) && source.includes(text));
}

/** Tokenizes text that is no chat, so that neither a control token nor a mark comes of it. */
export class RawText {
  readonly #tokenizer: ChatTokenizer;
  readonly #marks: readonly string[];

  /** @param marks Texts that the template, thoughts and calls have as marks. */
  constructor(tokenizer: ChatTokenizer, marks: readonly string[]) {
    this.#tokenizer = tokenizer;
    this.#marks = marks;
  }

  async tokenize(text: string, seen?: TokensSeen): Promise<number[]> {
    const tokenizer = this.#tokenizer;
    // Tokenizers never read control tokens here, but user-defined ones always.
    const finder = markFinder(tokenizer, this.#marks, false);
    const tokens = await tokenizer.tokenize(text, false, seen);
    if (!tokens.some((token) => finder.markText(token) !== undefined)) return tokens;
    const { value, cut } = await breakMarks(text, finder) ?? { value: text, cut: undefined };
    return await tokenizeBroken(value, cut, tokenizer, false, seen);
  }
}
