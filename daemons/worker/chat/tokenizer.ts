/**
 * Called with the number of tokens so far while a long text is tokenized. It may throw to stop the
 * tokenizing of a text that is far too long.
 */
export type TokensSeen = (count: number) => void;

/** The tokenizer with which chats and raw texts become tokens. */
export interface ChatTokenizer {
  /** Tokenizes a text; with `special`, the text of control tokens becomes those tokens. */
  tokenize(text: string, special: boolean, seen?: TokensSeen): Promise<number[]>;
  /**
   * Tokenizes text that follows other text. Some vocabularies would put a space before it otherwise.
   */
  tokenizeNext(text: string, special: boolean, seen?: TokensSeen): Promise<number[]>;
  readonly bosText: string;
  readonly eosText: string;
  /** Control and user-defined tokens by their ids. */
  readonly specials: ReadonlyMap<number, SpecialToken>;
}

/** A token that is not an ordinary piece of text. */
export interface SpecialToken {
  readonly text: string;
  /** A control token; otherwise the vocabulary's author has defined it, which may be plain text. */
  readonly isControl: boolean;
}
