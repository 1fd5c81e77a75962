import { pointerAt, textAt } from "./c/c_values.ts";
import type { Llama } from "./c/library.ts";
import type { TextVocabulary } from "./text/tokenizer.ts";

/** Kinds of vocabularies, by the numbers of `llama_vocab_type`. */
const KINDS = ["none", "spm", "bpe", "wpm", "ugm", "rwkv", "plamo2"] as const;
/** Bits of `llama_token_attr`. */
const CONTROL = 1 << 3;
const USER_DEFINED = 1 << 4;
const BYTE = 1 << 5;
/** Bytes that a text of tokens mostly fits into. */
const ROOM = 4_096;

/** A token that is not an ordinary piece of text. */
export interface NamedToken {
  readonly id: number;
  readonly text: string;
  readonly isControl: boolean;
}

/**
 * A model's vocabulary. Its functions may be called from any thread, until the model is freed: then it
 * must be closed, or they would read memory that is not theirs.
 */
export class Vocabulary {
  readonly #llama: Llama;
  #pointer: Deno.PointerValue;
  readonly #decoder = new TextDecoder();
  readonly #encoder = new TextEncoder();
  readonly size: number;
  readonly kind: typeof KINDS[number];
  #text = new Uint8Array(ROOM);
  #ids = new Int32Array(ROOM);
  #hidden: readonly number[] | undefined;
  #ends: readonly number[] | undefined;

  constructor(llama: Llama, address: number) {
    this.#llama = llama;
    this.#pointer = pointerAt(address);
    this.size = llama.llama_vocab_n_tokens(this.#pointer);
    this.kind = KINDS[llama.llama_vocab_type(this.#pointer)] ?? "none";
  }

  /** @throws {Error} after {@linkcode close} */
  get pointer(): Deno.PointerValue {
    if (this.#pointer === null) throw new Error("The vocabulary is closed: its model is freed");
    return this.#pointer;
  }

  /** Called before its model is freed. */
  close(): void {
    this.#pointer = null;
  }

  /** The token that begins a text; undefined: none. */
  get bos(): number | undefined {
    return known(this.#llama.llama_vocab_bos(this.pointer));
  }

  get eos(): number | undefined {
    return known(this.#llama.llama_vocab_eos(this.pointer));
  }

  get sep(): number | undefined {
    return known(this.#llama.llama_vocab_sep(this.pointer));
  }

  /** Whether texts begin with {@linkcode bos}. */
  get addsBos(): boolean {
    return this.#llama.llama_vocab_get_add_bos(this.pointer);
  }

  get addsEos(): boolean {
    return this.#llama.llama_vocab_get_add_eos(this.pointer);
  }

  /** Marks of the parts around a gap. */
  get gapTokens() {
    const { llama_vocab_fim_pre, llama_vocab_fim_suf, llama_vocab_fim_mid } = this.#llama;
    const { llama_vocab_fim_rep, llama_vocab_fim_sep } = this.#llama;
    return {
      prefix: known(llama_vocab_fim_pre(this.pointer)),
      suffix: known(llama_vocab_fim_suf(this.pointer)),
      middle: known(llama_vocab_fim_mid(this.pointer)),
      repository: known(llama_vocab_fim_rep(this.pointer)),
      file: known(llama_vocab_fim_sep(this.pointer)),
    };
  }

  /** Control and user-defined tokens. */
  namedTokens(): NamedToken[] {
    const found: NamedToken[] = [];
    for (let id = 0; id < this.size; id++) {
      const bits = this.#attributes(id);
      if ((bits & (CONTROL | USER_DEFINED)) === 0) continue;
      const text = this.rawText(id);
      if (text !== "") found.push({ id, text, isControl: (bits & CONTROL) !== 0 });
    }
    return found;
  }

  /**
   * The first byte that it has no token for. A SentencePiece vocabulary writes each character that is no
   * token as its bytes: where one is missing, llama.cpp throws. Undefined if there is none.
   */
  missingByte(): number | undefined {
    if (this.kind !== "spm") return undefined;
    const ids = Array.from({ length: this.size }, (_, id) => id);
    const texts = (of: readonly number[]) => of.map((id) => this.rawText(id));
    // These are few, and mostly all that there are.
    const isWhole = missingIn(texts(ids.filter((id) => this.#attributes(id) & BYTE))) === undefined;
    return isWhole ? undefined : missingIn(texts(ids));
  }

  #attributes(token: number): number {
    return this.#llama.llama_vocab_get_attr(this.pointer, token);
  }

  /** A token's text as the vocabulary has it. */
  rawText(token: number): string {
    return textAt(this.#llama.llama_vocab_get_text(this.pointer, token)) ?? "";
  }

  /** Control tokens that end no generation: an answer does not show their text. */
  get hidden(): readonly number[] {
    return this.#hidden ??= this.namedTokens()
      .filter(({ id, isControl }) => isControl && !this.endsGeneration(id))
      .map(({ id }) => id);
  }

  /** All tokens that end a generation. */
  get ends(): readonly number[] {
    return this.#ends ??= Array.from({ length: this.size }, (_, id) => id)
      .filter((id) => this.endsGeneration(id));
  }

  endsGeneration(token: number): boolean {
    return this.#llama.llama_vocab_is_eog(this.pointer, token) ||
      token === this.#llama.llama_vocab_eos(this.pointer);
  }

  /**
   * The tokens of a text, without those that begin or end it.
   *
   * @param special Whether the text of control tokens becomes those tokens.
   */
  tokenize(text: string, special: boolean): number[] {
    if (text === "") return [];
    const bytes = this.#encoder.encode(text);
    const read = () =>
      this.#llama.llama_tokenize(
        ...[this.pointer, bytes, bytes.length, this.#ids, this.#ids.length] as const,
        ...[false, special] as const,
      );
    let count = read();
    if (count < 0) {
      this.#ids = new Int32Array(-count);
      count = read();
    }
    const tokens = Array.from(this.#ids.subarray(0, Math.max(0, count)));
    if (this.#ids.length > ROOM) this.#ids = new Int32Array(ROOM);
    return tokens;
  }

  /**
   * The text of tokens; incomplete characters become U+FFFD.
   *
   * @param special Whether control tokens have a text.
   */
  detokenize(tokens: readonly number[], special: boolean): string {
    const ids = Int32Array.from(tokens);
    const write = () =>
      this.#llama.llama_detokenize(
        ...[this.pointer, ids, ids.length, this.#text, this.#text.length] as const,
        ...[false, special] as const,
      );
    let count = write();
    if (count < 0) {
      this.#text = new Uint8Array(-count);
      count = write();
    }
    const text = this.#decoder.decode(this.#text.subarray(0, Math.max(0, count)));
    if (this.#text.length > ROOM) this.#text = new Uint8Array(ROOM);
    return text;
  }
}

/** The first byte that none of these tokens is; undefined if there is none. */
function missingIn(tokens: readonly string[]): number | undefined {
  const texts = new Set(tokens);
  for (let byte = 0; byte < 256; byte++) {
    const name = byte.toString(16).toUpperCase().padStart(2, "0");
    const isThere = texts.has(`<0x${name}>`) || byte < 128 && texts.has(String.fromCharCode(byte));
    if (!isThere) return byte;
  }
  return undefined;
}

function known(token: number): number | undefined {
  return token < 0 ? undefined : token;
}

/**
 * A vocabulary for a tokenizer of texts.
 *
 * @param preTokenizer Its name in the model's metadata.
 */
export function textVocabulary(vocabulary: Vocabulary, preTokenizer: string): TextVocabulary {
  return {
    tokenize: (text, special) => vocabulary.tokenize(text, special),
    detokenize: (tokens, special) => vocabulary.detokenize(tokens, special),
    isBytePair: vocabulary.kind === "bpe",
    isSentencePiece: vocabulary.kind === "spm",
    isWordwise: preTokenizer === "whitespace",
  };
}
