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
  seen?: TokensSeen,
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
    tokenize: (text) => tokenizer.tokenize(text, special, seen),
    markText: (token) => texts.get(token),
    beginnings: beginnings.size === 0 ? /(?!)/ : new RegExp([...beginnings].join("|"), "u"),
  };
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
    const broken = await breakMarks(text, markFinder(tokenizer, this.#marks, false, seen));
    if (broken === undefined) return await tokenizer.tokenize(text, false, seen);
    const [first = "", ...rest] = partsAt(broken.value, broken.cut);
    const tokens = [await tokenizer.tokenize(first, false, seen)];
    for (const part of rest) tokens.push(await tokenizer.tokenizeNext(part, false, seen));
    return tokens.flat();
  }
}
