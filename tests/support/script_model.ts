/**
 * A model that says what a test wants: the outputs of any family, with the family's own chat template,
 * marks and token types.
 *
 * @module
 */
import { type GgufTensor, writeGguf } from "./gguf_writer.ts";
import { seededRandom } from "./random.ts";
import { type ScriptVocabulary, scriptVocabulary, type Step } from "./script_vocabulary.ts";

/** What a {@linkcode writeScriptModel} says, and how its prompts look. */
export interface ScriptModelOptions {
  /**
   * What the model says, each ended by `eos`: a text, which is cut as tokenizers usually cut, or its
   * pieces. The last {@linkcode scriptWord} of the prompt chooses one; without one it is the first.
   */
  readonly scripts: readonly (string | readonly string[])[];
  /** Jinja source of the chat template. */
  readonly template: string;
  /** Marks that are control tokens; besides `bos` and `eos`. */
  readonly control?: readonly string[];
  /** Marks that are user-defined tokens: shown as text by a tokenizer that hides control tokens. */
  readonly userDefined?: readonly string[];
  /** @default "<s>" */
  readonly bos?: string;
  /** @default "</s>" */
  readonly eos?: string;
  /** Whether a prompt begins with `bos` even if the template does not write it. @default false */
  readonly addBos?: boolean;
  /** An ASCII letter of which 2, 4, …, 64 in a row are one token: long texts of it have few tokens. */
  readonly runsOf?: string;
  /** Tokens; a prompt has one for each byte. @default 16384 */
  readonly context?: number;
}

/** Numbers of a code: enough that no two of some thousand tokens look alike. */
const CODE = 128;
/** Places in the residual stream. */
const AT = {
  /** Code of the token; later of the next one. */
  code: 0,
  /** Code of the latest anchor, which attention puts here. */
  anchor: CODE,
  /** Always 1. */
  one: 2 * CODE,
  /** 1 if the token is a step of a script that no other step shares. */
  own: 2 * CODE + 1,
  /** 1 if the token chooses a script. */
  choice: 2 * CODE + 2,
  /** Makes all embeddings equally long, so that norms change none of the figures here. */
  filler: 2 * CODE + 3,
  /** Binary digits of an own step's place in its script, as ±1. */
  digits: 2 * CODE + 4,
} as const;
const WIDTH = 2 * CODE + 64;
/** Most own steps of a script are 2 to this. */
const DIGITS = 10;

/** Rotary frequency of the pair of dimensions i of a head is 10^(-i/4) a token: */
const ROPE_BASE = 1e16;
/** this one falls with the distance up to 4 900 tokens, */
const SLOPE_PAIR = 14;
/** and those from here on do not turn within any context. */
const STILL_PAIR = 40;

/** The character that makes the model say its script of this index (0 to 19), wherever it stands. */
export function scriptWord(index: number): string {
  if (!(index >= 0 && index < 20)) throw new RangeError(`There is no script ${index}`);
  return String.fromCodePoint(0x2460 + index);
}

/**
 * Writes a model that says its scripts token by token, whatever stands before, and then ends.
 *
 * The next token follows from two: the last token, and the last *anchor* before it. Steps of a script
 * that are text have a token of their own each, even if they have the same text: they are anchors. A
 * mark is the same token wherever it stands; what follows it depends on the anchor before. The words
 * that choose a script are anchors, too, for the time before the first step.
 *
 * - Embeddings have a random ±1 code for each token that matters, and the facts of {@linkcode AT}.
 * - One head of attention finds the latest anchor and copies its code beside the token's own. Steps
 *   win over words, and later steps over earlier ones, by the digits of their place. Of words the
 *   nearest wins, by a slow rotary frequency.
 * - The feed-forward is a table: a unit for each pair of anchor and token adds the code of the next.
 * - Output rows are the codes: the right logit is near 190, others below 100.
 *
 * @throws {RangeError} for scripts in which two marks in a row do not tell what follows
 */
export function writeScriptModel(path: string, options: ScriptModelOptions): void {
  const { context = 16_384 } = options;
  const vocabulary = scriptVocabulary({
    bos: "<s>",
    eos: "</s>",
    ...options,
    words: options.scripts.map((_, index) => scriptWord(index)),
  });
  const network = makeNetwork(vocabulary);
  const tensor = (name: string, columns: number, rows: number, fill: GgufTensor["fill"]) => ({
    name: `${name}.weight`,
    columns,
    rows,
    // One row of norms must be exact, and all others are small whole numbers.
    type: rows === 0 ? "F32" as const : "F16" as const,
    fill,
  });
  const norm = (name: string) => tensor(name, WIDTH, 0, (_, values) => values.fill(1));
  const { units } = network;
  writeGguf(path, {
    metadata: {
      "general.architecture": { string: "llama" },
      "general.name": { string: "script" },
      "general.file_type": { u32: 1 },
      "general.quantization_version": { u32: 2 },
      "llama.vocab_size": { u32: vocabulary.size },
      "llama.context_length": { u32: context },
      "llama.embedding_length": { u32: WIDTH },
      "llama.block_count": { u32: 1 },
      "llama.feed_forward_length": { u32: units.length },
      "llama.attention.head_count": { u32: 1 },
      "llama.attention.head_count_kv": { u32: 1 },
      "llama.attention.key_length": { u32: CODE },
      "llama.attention.value_length": { u32: CODE },
      "llama.attention.layer_norm_rms_epsilon": { f32: 1e-5 },
      "llama.rope.dimension_count": { u32: CODE },
      "llama.rope.freq_base": { f32: ROPE_BASE },
      ...vocabulary.metadata,
      "tokenizer.chat_template": { string: options.template },
    },
    tensors: [
      tensor("token_embd", WIDTH, vocabulary.size, network.embed),
      norm("blk.0.attn_norm"),
      tensor("blk.0.attn_q", WIDTH, CODE, queryRow),
      tensor("blk.0.attn_k", WIDTH, CODE, keyRow),
      tensor("blk.0.attn_v", WIDTH, CODE, (row, values) => values[AT.code + row] = 1 / SCALE),
      tensor("blk.0.attn_output", CODE, WIDTH, (row, values) => {
        const at = row - AT.anchor;
        if (at >= 0 && at < CODE) values[at] = 1;
      }),
      norm("blk.0.ffn_norm"),
      tensor("blk.0.ffn_gate", WIDTH, units.length, (row, values) => {
        const { token, anchor, threshold } = units[row]!;
        if (token) values.set(token, AT.code);
        if (anchor) values.set(anchor, AT.anchor);
        values[AT.one] = -threshold;
      }),
      tensor("blk.0.ffn_up", WIDTH, units.length, (_, values) => values[AT.one] = 1),
      tensor("blk.0.ffn_down", units.length, WIDTH, (row, values) => {
        if (row >= CODE) return;
        units.forEach(({ next, weight }, at) => values[at] = weight * next[row]!);
      }),
      norm("output_norm"),
      tensor("output", WIDTH, vocabulary.size, network.output),
    ],
  });
}

/** Squared length of every embedding: code, one, own or choice, and digits. */
const SQUARED_LENGTH = CODE + 2 + DIGITS;
/** What the first norm multiplies each embedding with. */
const SCALE = Math.sqrt(WIDTH / SQUARED_LENGTH);
/** A score of attention of 1 takes this product of query and key weights. */
const PER_SCORE = Math.sqrt(CODE) / SCALE ** 2;

/** Scores of attention: of a word from 100 to 1 100, of a step two more than of the one before. */
const WORD_SCORE = 1_100;
const WORD_SLOPE = 1_000;
const OWN_SCORE = WORD_SCORE + 2 ** DIGITS + 20;

function keyRow(row: number, values: Float32Array): void {
  const pair = Math.floor(row / 2);
  if (row === 2 * SLOPE_PAIR) values[AT.choice] = 1;
  if (row % 2 === 1 || pair < STILL_PAIR) return;
  const place = pair - STILL_PAIR;
  if (place < DIGITS) values[AT.digits + place] = 1;
  if (place === DIGITS) values[AT.own] = 1;
  if (place === DIGITS + 1) values[AT.choice] = 1;
}

function queryRow(row: number, values: Float32Array): void {
  const pair = Math.floor(row / 2);
  // Turned by a right angle against the key: the score falls with the sine of the distance.
  if (row === 2 * SLOPE_PAIR + 1) values[AT.one] = WORD_SLOPE * PER_SCORE;
  if (row % 2 === 1 || pair < STILL_PAIR) return;
  const place = pair - STILL_PAIR;
  if (place < DIGITS) values[AT.one] = 2 ** place * PER_SCORE;
  if (place === DIGITS) values[AT.one] = OWN_SCORE * PER_SCORE;
  if (place === DIGITS + 1) values[AT.one] = WORD_SCORE * PER_SCORE;
}

/** An entry of the table in the feed-forward: it fires if what it knows is the case. */
interface Unit {
  readonly token?: Float32Array;
  readonly anchor?: Float32Array;
  /** Subtracted from the product of codes. */
  readonly threshold: number;
  /** Code of the token that it wants next. */
  readonly next: Float32Array;
  readonly weight: number;
}

interface Network {
  readonly units: readonly Unit[];
  readonly embed: GgufTensor["fill"];
  readonly output: GgufTensor["fill"];
}

const HALF = CODE / 2;
/** How much what a unit wants counts; an exact unit outdoes the start of a script. */
const WEIGHT = {
  step: 64 / HALF,
  start: 16 / HALF,
  /** The first script where no word chooses one: its marks before any text, and its start. */
  early: 8 / HALF,
  fallback: 4 / HALF,
} as const;

function makeNetwork({ scripts, words, eos }: ScriptVocabulary): Network {
  const codes = new Map<number, Float32Array>();
  const random = seededRandom(0x5c71);
  const codeOf = (id: number): Float32Array => {
    const known = codes.get(id);
    if (known) return known;
    const code = Float32Array.from({ length: CODE }, () => random() < 0.5 ? -1 : 1);
    codes.set(id, code);
    return code;
  };
  const places = new Map<number, number>();
  const units: Unit[] = [];
  for (const [index, steps] of scripts.entries()) {
    const word = codeOf(words[index]!);
    const first = codeOf(steps[0]?.id ?? eos);
    if (index === 0) units.push({ threshold: -HALF, next: first, weight: WEIGHT.fallback });
    units.push({ anchor: word, threshold: HALF, next: first, weight: WEIGHT.start });
    let anchor = word;
    /** Marks since the anchor, with what follows each. */
    let since = new Map<number, number>();
    let place = 0;
    steps.forEach(({ id, isOwn }: Step, at) => {
      const nextId = steps[at + 1]?.id ?? eos;
      const next = codeOf(nextId);
      const token = codeOf(id);
      if (isOwn) {
        places.set(id, ++place);
        [anchor, since] = [token, new Map()];
        units.push({ token, threshold: HALF, next, weight: WEIGHT.step });
        return;
      }
      if ((since.get(id) ?? nextId) !== nextId) {
        throw new RangeError(`Script ${index} repeats a mark with no text between, at step ${at}`);
      }
      if (since.has(id)) return;
      since.set(id, nextId);
      units.push({ token, anchor, threshold: 3 * HALF, next, weight: WEIGHT.step });
      if (index === 0 && place === 0) {
        units.push({ token, threshold: HALF, next, weight: WEIGHT.early });
      }
    });
    if (place >= 2 ** DIGITS) throw new RangeError(`Script ${index} has ${place} steps of text`);
  }
  // Rows of half-precision matrices.
  while (units.length % 32 > 0) units.push({ threshold: HALF, next: codeOf(eos), weight: 0 });
  const choices = new Set(words);
  return {
    units,
    embed(id, values) {
      const code = codes.get(id);
      if (code) values.set(code, AT.code);
      values[AT.one] = 1;
      const place = places.get(id);
      if (place !== undefined) {
        values[AT.own] = 1;
        for (let bit = 0; bit < DIGITS; bit++) {
          values[AT.digits + bit] = place & (1 << bit) ? 1 : -1;
        }
      }
      if (choices.has(id)) values[AT.choice] = 1;
      const squared = values.reduce((sum, value) => sum + value ** 2, 0);
      values[AT.filler] = Math.sqrt(SQUARED_LENGTH - squared);
    },
    output(id, values) {
      const code = codes.get(id);
      if (code && !choices.has(id)) values.set(code, AT.code);
    },
  };
}
