import type { Offered } from "../../chat/value_types.ts";

/** Options of a reader of answers. */
export interface ReaderOptions {
  /** JSON schemas of the offered functions' parameters, by name; without functions nothing is a call. */
  readonly tools: Offered;
  /**
   * The prompt from the beginning of the answer's turn on. A thought may be open at its end, and text
   * of a turn that is continued may stand in it.
   */
  readonly promptEnd: string;
  /** Whether text of the answer stands at its end. Default: whether text follows the last mark. */
  readonly continuesText?: boolean;
  /** Whether the answer ends after the first call. */
  readonly isSingle: boolean;
  /**
   * Whether a grammar holds the answering text: then a mark in it is text. Only what stands before it
   * is a thought or a call.
   */
  readonly isHeld?: boolean;
  /** Whether the answer is a call and nothing else: half of one is no text, whatever it begins with. */
  readonly isForced?: boolean;
  /** Whether thoughts are split from text; otherwise they are text, with their marks. */
  readonly splitsThoughts: boolean;
}
