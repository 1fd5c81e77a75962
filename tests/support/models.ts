/**
 * Models that tests generate, so that they need no downloads.
 *
 * @module
 */
import { join } from "node:path";
import { type GgufTensor, type TensorType, writeGguf } from "./gguf_writer.ts";
import { seededRandom } from "./random.ts";
import { MIN_VOCABULARY, type Vocabulary, wordVocabulary } from "./vocabulary.ts";

/** Shape of a {@linkcode writeRandomModel}. */
export interface RandomModelOptions {
  /** @default 2 */
  readonly layers?: number;
  /** Embedding length, a multiple of 32 and of `heads`. @default 128 */
  readonly width?: number;
  /** @default 4 */
  readonly heads?: number;
  /** A divisor of `heads`. @default 2 */
  readonly kvHeads?: number;
  /** A multiple of 32. @default 256 */
  readonly feedForward?: number;
  /**
   * Number of tokens, at least 272: bytes, pieces, then the words ` w0`, ` w1`, …. @default 1024
   */
  readonly vocabulary?: number;
  /** Further tokens, in addition to `vocabulary` and after the words. */
  readonly extra?: readonly string[];
  /** Tokens. @default 2048 */
  readonly context?: number;
  /** @default 1 */
  readonly seed?: number;
  /** Storage of the matrices. @default "F32" */
  readonly type?: TensorType;
  /** Whether all matrices are zeros: a large file that takes no time and no room. @default false */
  readonly isZero?: boolean;
  /**
   * Qwen2-VL's architecture instead of Llama's, with positions of time, height and width: so many pairs of numbers
   * of a head turn with each, all together half of a head.
   */
  readonly ropeSections?: readonly number[];
}

/** Shape of the transformer around embeddings and output. */
interface Shape {
  readonly name: string;
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly feedForward: number;
  readonly context: number;
  readonly type: TensorType;
  readonly isZero?: boolean;
  readonly ropeSections?: readonly number[];
}

/** Fills one row of a matrix. */
type Fill = GgufTensor["fill"];

/**
 * Writes a model that counts: after ` w7` it always generates ` w8`, and after the last number it
 * ends.
 *
 * Embeddings are random ±1 codes, the output row of each token is the code of the token before it,
 * attention and feed-forward are zero. So the right token's logit is `width` (256), any other's
 * about ±16, and it stays exact at any temperature in use, in any batch, on any engine. The token
 * before ` w0` is the start of the text; the token before the end (`</s>`) is the last number.
 * What follows any other token is arbitrary but always the same.
 */
export function writeCounterModel(
  path: string,
  { numbers = 2000, context = 4096, ...shape }: CounterModelOptions = {},
): void {
  const vocabulary = wordVocabulary(numbers);
  const words = Array.from({ length: numbers }, (_, value) => vocabulary.number(value));
  const follows = inOrder([vocabulary.bos, ...words, vocabulary.eos]);
  writeSuccessorModel(path, { name: "counter", follows, vocabulary, context, ...shape });
}

/** Size of a counter model; larger ones are as exact, and cost what a real one of that shape costs. */
export interface CounterModelOptions extends
  Pick<
    RandomModelOptions,
    "layers" | "width" | "heads" | "kvHeads" | "feedForward" | "context" | "type"
  > {
  /** @default 2000 */
  readonly numbers?: number;
}

/**
 * Writes an adapter for a counter model with `numbers` numbers: it makes ` w{to}` follow
 * ` w{from}`.
 */
export function writeCounterAdapter(
  path: string,
  { from, to, numbers = 2000 }: { from: number; to: number; numbers?: number },
): void {
  const vocabulary = wordVocabulary(numbers);
  const code = tokenCodes(vocabulary, CODE_WIDTH)[vocabulary.number(from)]!;
  writeGguf(path, {
    metadata: {
      "general.type": { string: "adapter" },
      "general.architecture": { string: "llama" },
      "adapter.type": { string: "lora" },
      "adapter.lora.alpha": { f32: 1 },
    },
    tensors: [
      {
        name: "output.weight.lora_a",
        columns: CODE_WIDTH,
        rows: 1,
        type: "F32",
        fill: (_row, values) => values.set(code),
      },
      {
        name: "output.weight.lora_b",
        columns: 1,
        rows: vocabulary.size,
        type: "F32",
        // Twice the logit of the token that would follow without the adapter.
        fill: (row, values) => values[0] = row === vocabulary.number(to) ? 2 : 0,
      },
    ],
  });
}

/**
 * Writes a model that repeats the bytes of `text` for ever, one byte per token: the characters
 * arrive in pieces that are not valid UTF-8 by themselves. An empty prompt starts at the first byte;
 * a prompt that ends in one of the text's characters goes on after it.
 *
 * @param options.text A text whose bytes all differ.
 */
export function writeUtf8Model(
  path: string,
  { text = "a😀é漢", context = 1024 }: { text?: string; context?: number } = {},
): void {
  const vocabulary = wordVocabulary(0);
  const cycle = Array.from(new TextEncoder().encode(text), (value) => vocabulary.byte(value));
  const [first] = cycle;
  if (first === undefined || new Set(cycle).size < cycle.length) {
    throw new RangeError(
      `Cannot write a model that repeats a text as each of its bytes must differ: current value is "${text}"`,
    );
  }
  const follows = [...inOrder([vocabulary.bos, ...cycle]), ...inOrder([...cycle.slice(-1), first])];
  writeSuccessorModel(path, { name: "utf8", follows, vocabulary, context });
}

/** Writes tools, calls and results as Hermes and Qwen do. */
const TOOL_TEMPLATE =
  "{% if tools %}{% for tool in tools %}{{ tool | tojson }}{% endfor %}{% endif %}" +
  "{% for message in messages %}{{ message.content }}" +
  "{% for call in message.tool_calls or [] %}<tool_call>\n" +
  '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}' +
  "\n</tool_call>{% endfor %}{% endfor %}";

/**
 * Writes a model that calls a function: after `?` it generates a `<tool_call>` of `count` from 7,
 * and ends. It continues the result of a call as the counter does: after "w7" comes " w8". Its chat
 * template supports tools.
 */
export function writeCallerModel(path: string, { context = 4096 } = {}): void {
  const numbers = 100;
  const extra = [
    "<tool_call>",
    '{"name": "count"',
    ', "arguments": {"from": 7}',
    "}</tool",
    "_call>",
  ];
  const vocabulary = wordVocabulary(numbers, { extra, template: TOOL_TEMPLATE });
  const words = Array.from({ length: numbers }, (_, value) => vocabulary.number(value));
  const pieces = extra.map((_, index) => vocabulary.extra(index));
  const follows = [
    ...inOrder([vocabulary.bos, ...words, vocabulary.eos]),
    ...inOrder([vocabulary.byte(0x3f), ...pieces, vocabulary.eos]),
  ];
  writeSuccessorModel(path, { name: "caller", follows, vocabulary, context });
}

/**
 * Writes a model that fills gaps: after the mark of a gap it counts from ` w1` to ` w9`, and ends. It
 * has all marks that Qwen has.
 */
export function writeGapModel(path: string, { context = 4096 } = {}): void {
  const extra = [
    ...["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"],
    ...["<|repo_name|>", "<|file_sep|>"],
  ];
  const vocabulary = wordVocabulary(10, { extra });
  const words = Array.from({ length: 9 }, (_, index) => vocabulary.number(index + 1));
  const follows = inOrder([vocabulary.extra(2), ...words, vocabulary.eos]);
  writeSuccessorModel(path, { name: "gap", follows, vocabulary, context });
}

/**
 * Writes a Llama-shaped model with real attention and seeded random weights, of any size.
 *
 * Control and byte tokens have an output row of zeros, so that greedy decoding generates words and
 * does not end by itself.
 */
export function writeRandomModel(path: string, options: RandomModelOptions = {}): void {
  const { vocabulary: size = 1024, extra = [], seed = 1, ...rest } = options;
  const shape: Shape = {
    name: "random",
    layers: 2,
    width: 128,
    heads: 4,
    kvHeads: 2,
    feedForward: 256,
    context: 2048,
    type: "F32",
    ...rest,
  };
  if (size < MIN_VOCABULARY) {
    throw new RangeError(
      `Cannot write a model as 'vocabulary' must be at least ${MIN_VOCABULARY}: current value is ${size}`,
    );
  }
  const vocabulary = wordVocabulary(size - MIN_VOCABULARY, { extra });
  const random = seededRandom(seed);
  const uniform = (deviation: number): Fill => (_row, values) => {
    // A uniform distribution from -a to a has the standard deviation a / √3.
    const scale = 2 * Math.sqrt(3) * deviation;
    for (let at = 0; at < values.length; at++) values[at] = scale * (random() - 0.5);
  };
  const matrix = uniform(1 / Math.sqrt(shape.width));
  const output = uniform(4 / Math.sqrt(shape.width));
  writeLlama(path, shape, vocabulary, {
    embedding: uniform(1),
    output: (row, values) => {
      if (row >= vocabulary.byte(0xff) + 1) output(row, values);
    },
    matrix,
  });
}

let counterPath: string | undefined;

/**
 * Path of a `counter.gguf` with 2 000 numbers. Each test file that calls this writes it once, alone
 * in a folder that can serve as a models folder, and removes it when its tests end.
 */
export function counterModel(): string {
  if (counterPath === undefined) {
    const folder = Deno.makeTempDirSync({ prefix: "llorch-models-" });
    globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
    counterPath = join(folder, "counter.gguf");
    writeCounterModel(counterPath);
  }
  return counterPath;
}

/** Numbers in the code of a token. */
const CODE_WIDTH = 256;

/** A code for each token: `width` values of ±1, the same in every call. */
function tokenCodes(vocabulary: Vocabulary, width: number): Float32Array[] {
  const random = seededRandom(0x6c6c);
  return Array.from(
    { length: vocabulary.size },
    () => Float32Array.from({ length: width }, () => (random() < 0.5 ? -1 : 1)),
  );
}

/** A token id and the one that follows it. */
type Follows = readonly [token: number, next: number];

function inOrder(tokens: readonly number[]): Follows[] {
  return tokens.slice(1).map((next, index) => [tokens[index] ?? next, next]);
}

/**
 * Writes a model that generates the successor of each token: a token's output row is the sum of the
 * codes of the tokens that it follows.
 */
function writeSuccessorModel(
  path: string,
  { follows, vocabulary, ...changes }: Partial<Shape> & {
    readonly name: string;
    readonly context: number;
    readonly follows: readonly Follows[];
    readonly vocabulary: Vocabulary;
  },
): void {
  const shape: Shape = {
    layers: 1,
    width: CODE_WIDTH,
    heads: 4,
    kvHeads: 1,
    feedForward: 32,
    type: "F16",
    ...changes,
  };
  const codes = tokenCodes(vocabulary, shape.width);
  const before = Map.groupBy(follows, ([, next]) => next);
  const add = (token: number, values: Float32Array) =>
    codes[token]?.forEach((value, at) => values[at] = (values[at] ?? 0) + value);
  writeLlama(path, shape, vocabulary, {
    embedding: add,
    output: (row, values) => before.get(row)?.forEach(([token]) => add(token, values)),
    matrix: () => {},
  });
}

/** Writes a Llama-shaped GGUF; norms are one, all other values come from the three fills. */
function writeLlama(
  path: string,
  shape: Shape,
  vocabulary: Vocabulary,
  fills: { readonly embedding: Fill; readonly output: Fill; readonly matrix: Fill },
): void {
  const { width, type, ropeSections } = shape;
  const kind = ropeSections ? "qwen2vl" : "llama";
  const headWidth = width / shape.heads;
  if (!Number.isInteger(headWidth) || !Number.isInteger(shape.heads / shape.kvHeads)) {
    throw new RangeError(
      `Cannot write a model as ${shape.heads} heads must divide the width ${width} and be a multiple of ${shape.kvHeads} key-value heads`,
    );
  }
  const ones: Fill = (_row, values) => values.fill(1);
  const norm = (name: string): GgufTensor => ({
    name: `${name}.weight`,
    columns: width,
    rows: 0,
    type: "F32",
    fill: ones,
  });
  const matrix = (name: string, columns: number, rows: number, fill: Fill): GgufTensor => ({
    name: `${name}.weight`,
    columns,
    rows,
    type,
    isZero: shape.isZero ?? false,
    fill,
  });
  const keyWidth = headWidth * shape.kvHeads;
  const layer = (index: number): GgufTensor[] => [
    norm(`blk.${index}.attn_norm`),
    matrix(`blk.${index}.attn_q`, width, width, fills.matrix),
    matrix(`blk.${index}.attn_k`, width, keyWidth, fills.matrix),
    matrix(`blk.${index}.attn_v`, width, keyWidth, fills.matrix),
    matrix(`blk.${index}.attn_output`, width, width, fills.matrix),
    norm(`blk.${index}.ffn_norm`),
    matrix(`blk.${index}.ffn_gate`, width, shape.feedForward, fills.matrix),
    matrix(`blk.${index}.ffn_up`, width, shape.feedForward, fills.matrix),
    matrix(`blk.${index}.ffn_down`, shape.feedForward, width, fills.matrix),
  ];
  writeGguf(path, {
    metadata: {
      "general.architecture": { string: kind },
      "general.name": { string: shape.name },
      "general.file_type": { u32: { F32: 0, F16: 1, Q4_0: 2, Q8_0: 7 }[type] },
      "general.quantization_version": { u32: 2 },
      [`${kind}.vocab_size`]: { u32: vocabulary.size },
      [`${kind}.context_length`]: { u32: shape.context },
      [`${kind}.embedding_length`]: { u32: width },
      [`${kind}.block_count`]: { u32: shape.layers },
      [`${kind}.feed_forward_length`]: { u32: shape.feedForward },
      [`${kind}.attention.head_count`]: { u32: shape.heads },
      [`${kind}.attention.head_count_kv`]: { u32: shape.kvHeads },
      [`${kind}.attention.layer_norm_rms_epsilon`]: { f32: 1e-5 },
      [`${kind}.rope.dimension_count`]: { u32: headWidth },
      [`${kind}.rope.freq_base`]: { f32: 10_000 },
      ...(ropeSections ? { [`${kind}.rope.dimension_sections`]: { i32s: ropeSections } } : {}),
      ...vocabulary.metadata,
    },
    tensors: [
      matrix("token_embd", width, vocabulary.size, fills.embedding),
      ...Array.from({ length: shape.layers }, (_, index) => layer(index)).flat(),
      norm("output_norm"),
      matrix("output", width, vocabulary.size, fills.output),
    ],
  });
}
