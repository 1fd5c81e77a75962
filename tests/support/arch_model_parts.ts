/**
 * Parts that the models of `arch_models.ts` have in common.
 *
 * @module
 */
import { type GgufTensor, type GgufValue, writeGguf } from "./gguf_writer.ts";
import { seededRandom } from "./random.ts";
import { MIN_VOCABULARY, type Vocabulary, wordVocabulary } from "./vocabulary.ts";

/** Shape that all models here have in common. */
export interface ArchModelOptions {
  /** Blocks, without those that draft. Each function has a default of its own. */
  readonly layers?: number;
  /** Embedding length, a multiple of 32 and of `heads`. @default 64 */
  readonly width?: number;
  /** @default 2 */
  readonly heads?: number;
  /** A divisor of `heads`. @default 1 */
  readonly kvHeads?: number;
  /** @default 128 */
  readonly feedForward?: number;
  /** Number of tokens, at least 272: bytes, pieces, then the words ` w0`, ` w1`, …. @default 512 */
  readonly vocabulary?: number;
  /** Tokens. @default 2048 */
  readonly context?: number;
  /** @default 1 */
  readonly seed?: number;
}

/** Fills one row of a tensor. */
export type Fill = GgufTensor["fill"];

/** All of {@linkcode ArchModelOptions}. */
export type Shape = Required<ArchModelOptions>;

/** Deviation of the logits of words. */
export const OUTPUT = 4;

/**
 * Completes options.
 *
 * @param layers Default of `layers`.
 * @throws {RangeError} if no model can have that shape
 */
export function shapeOf(layers: number, options: ArchModelOptions): Shape {
  const shape: Shape = {
    layers,
    width: 64,
    heads: 2,
    kvHeads: 1,
    feedForward: 128,
    vocabulary: 512,
    context: 2048,
    seed: 1,
    ...options,
  };
  const { width, heads, kvHeads } = shape;
  if (!Number.isInteger(width / heads) || !Number.isInteger(heads / kvHeads)) {
    throw new RangeError(
      `Cannot write a model as ${heads} heads must divide the width ${width} and be a multiple of ${kvHeads} key-value heads`,
    );
  }
  if (shape.vocabulary < MIN_VOCABULARY) {
    throw new RangeError(
      `Cannot write a model as 'vocabulary' must be at least ${MIN_VOCABULARY}: current value is ${shape.vocabulary}`,
    );
  }
  return shape;
}

/** Seed of a block's weights. */
export function blockSeed({ seed }: Shape, index: number): number {
  return 1000 * seed + index + 1;
}

/** Makes the tensors of all blocks. */
export function blocksOf(
  shape: Shape,
  tensors: (block: Block, index: number) => readonly GgufTensor[],
): GgufTensor[] {
  return Array.from(
    { length: shape.layers },
    (_, index) => tensors(new Block(index, blockSeed(shape, index)), index),
  ).flat();
}

/** Makes the tensors of one block. Those with the same seed and shapes have the same values. */
export class Block {
  readonly #prefix: string;
  readonly #random: () => number;

  constructor(index: number, seed: number) {
    this.#prefix = `blk.${index}`;
    this.#random = seededRandom(seed);
  }

  /** Random weights; results are `gain` times as large as what they are multiplied with. */
  matrix(name: string, shape: readonly number[], gain = 1): GgufTensor {
    const deviation = gain / Math.sqrt(shape[0]!);
    return this.tensor(`${name}.weight`, shape, uniform(this.#random, deviation));
  }

  norm(name: string, width: number): GgufTensor {
    return this.constant(`${name}.weight`, [width], 1);
  }

  constant(name: string, shape: readonly number[], value: number): GgufTensor {
    return this.tensor(name, shape, (_row, values) => values.fill(value));
  }

  tensor(name: string, shape: readonly number[], fill: Fill): GgufTensor {
    const [columns, ...others] = shape as [number, ...number[]];
    const rows = others.length === 0 ? 0 : others.reduce((product, size) => product * size);
    return { name: `${this.#prefix}.${name}`, columns, rows, shape, type: "F32", fill };
  }
}

/** Grouped-query attention with norms of queries and keys. */
export function attention(block: Block, { width, heads, kvHeads }: Shape): GgufTensor[] {
  const head = width / heads;
  return [
    block.norm("attn_norm", width),
    // Queries have norms of their own: only their weights make attention choose.
    block.constant("attn_q_norm.weight", [head], 2),
    block.norm("attn_k_norm", head),
    block.matrix("attn_q", [width, width]),
    block.matrix("attn_k", [width, head * kvHeads]),
    block.matrix("attn_v", [width, head * kvHeads]),
    block.matrix("attn_output", [width, width]),
  ];
}

/** Keys of models with attention. */
export function attentionMetadata(
  { width, heads, kvHeads, feedForward }: Shape,
): Record<string, GgufValue> {
  return {
    "feed_forward_length": { u32: feedForward },
    "attention.head_count": { u32: heads },
    "attention.head_count_kv": { u32: kvHeads },
    "attention.key_length": { u32: width / heads },
    "attention.value_length": { u32: width / heads },
    "rope.dimension_count": { u32: width / heads },
    "rope.freq_base": { f32: 10_000 },
  };
}

/**
 * A gated feed-forward.
 *
 * @param gain Size of its results.
 */
export function feedForward(block: Block, { width, feedForward }: Shape, gain = 1): GgufTensor[] {
  return [
    block.norm("ffn_norm", width),
    block.matrix("ffn_gate", [width, feedForward]),
    block.matrix("ffn_up", [width, feedForward]),
    block.matrix("ffn_down", [feedForward, width], gain),
  ];
}

/** A uniform distribution from -a to a has the standard deviation a / √3. */
export function uniform(random: () => number, deviation: number): Fill {
  const scale = 2 * Math.sqrt(3) * deviation;
  return (_row, values) => {
    for (let at = 0; at < values.length; at++) values[at] = scale * (random() - 0.5);
  };
}

/** Leaves the rows of all tokens zero that are not words. */
export function onlyWords(fill: Fill): Fill {
  return (row, values) => {
    if (row >= MIN_VOCABULARY) fill(row, values);
  };
}

/** Writes blocks between embeddings and output. */
export function writeModel(
  path: string,
  architecture: string,
  shape: Shape,
  { metadata, blocks, embedding = 1, outputNorm = "output_norm" }: {
    /** Keys of the architecture, without its name. */
    readonly metadata: Readonly<Record<string, GgufValue>>;
    readonly blocks: readonly GgufTensor[];
    /** Deviation of embeddings. */
    readonly embedding?: number;
    readonly outputNorm?: string;
  },
): void {
  const { width, context, layers, seed } = shape;
  const vocabulary: Vocabulary = wordVocabulary(shape.vocabulary - MIN_VOCABULARY);
  const random = seededRandom(seed);
  const keys: Readonly<Record<string, GgufValue>> = {
    "vocab_size": { u32: vocabulary.size },
    "context_length": { u32: context },
    "embedding_length": { u32: width },
    "block_count": { u32: layers },
    "attention.layer_norm_rms_epsilon": { f32: 1e-5 },
    ...metadata,
  };
  const table = (name: string, fill: Fill): GgufTensor => (
    { name: `${name}.weight`, columns: width, rows: vocabulary.size, type: "F32", fill }
  );
  writeGguf(path, {
    metadata: {
      "general.architecture": { string: architecture },
      "general.name": { string: architecture },
      "general.file_type": { u32: 0 },
      "general.quantization_version": { u32: 2 },
      ...Object.fromEntries(
        Object.entries(keys).map(([key, value]) => [`${architecture}.${key}`, value]),
      ),
      ...vocabulary.metadata,
    },
    tensors: [
      table("token_embd", uniform(random, embedding)),
      ...blocks,
      {
        name: `${outputNorm}.weight`,
        columns: width,
        rows: 0,
        type: "F32",
        fill: (_row, values) => values.fill(1),
      },
      table("output", onlyWords(uniform(random, OUTPUT / Math.sqrt(width)))),
    ],
  });
}
