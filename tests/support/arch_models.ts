/**
 * Small models of architectures whose memory or layers an engine must treat in a way of their own.
 *
 * All have seeded random weights and the vocabulary of {@linkcode wordVocabulary}. Tokens that are not
 * words have an output row of zeros, so that greedy decoding generates words and does not end by
 * itself. The same options always give the same bytes.
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

/**
 * Writes a `qwen3moe`: each token takes the way through `used` of `experts` feed-forwards. For all
 * that treats mixtures of experts in a way of its own.
 */
export function writeMoeModel(
  path: string,
  { experts = 4, used = 2, ...options }: ArchModelOptions & {
    /** @default 4 */
    readonly experts?: number;
    /** @default 2 */
    readonly used?: number;
  } = {},
): void {
  const shape = shapeOf(2, options);
  const { width, feedForward } = shape;
  write(path, "qwen3moe", shape, {
    metadata: {
      ...attentionMetadata(shape),
      "expert_count": { u32: experts },
      "expert_used_count": { u32: used },
      "expert_feed_forward_length": { u32: feedForward },
    },
    blocks: blocksOf(shape, (block) => [
      ...attention(block, shape),
      block.norm("ffn_norm", width),
      block.matrix("ffn_gate_inp", [width, experts], 2),
      block.matrix("ffn_gate_exps", [width, feedForward, experts]),
      block.matrix("ffn_up_exps", [width, feedForward, experts]),
      block.matrix("ffn_down_exps", [feedForward, width, experts]),
    ]),
  });
}

/** Tokens that a short convolution of {@linkcode writeHybridModel} sees, its own among them. */
const SHORT_CONVOLUTION = 3;

/**
 * Writes an `lfm2`, whose blocks alternate: a short convolution with a recurrent state, then
 * attention. For engines that cannot cut back a sequence at will: `llama_model_is_hybrid` is true.
 * It can be cut back by up to `n_rs_seq` tokens.
 */
export function writeHybridModel(path: string, options: ArchModelOptions = {}): void {
  const shape = shapeOf(4, options);
  const { width, kvHeads, layers } = shape;
  const isRecurrent = (index: number) => index % 2 === 0;
  write(path, "lfm2", shape, {
    metadata: {
      ...attentionMetadata(shape),
      "attention.head_count_kv": {
        i32s: Array.from({ length: layers }, (_, index) => isRecurrent(index) ? 0 : kvHeads),
      },
      "shortconv.l_cache": { u32: SHORT_CONVOLUTION },
    },
    outputNorm: "token_embd_norm",
    blocks: blocksOf(shape, (block, index) => [
      ...isRecurrent(index)
        ? [
          block.norm("attn_norm", width),
          block.matrix("shortconv.in_proj", [width, 3 * width]),
          block.matrix("shortconv.conv", [SHORT_CONVOLUTION, width]),
          block.matrix("shortconv.out_proj", [width, width]),
        ]
        : attention(block, shape),
      ...feedForward(block, shape),
    ]),
  });
}

/**
 * Writes a `mamba`, which has a recurrent state and no attention: `llama_model_is_recurrent` is true,
 * and a sequence cannot be cut back at all. Heads and feed-forward have no meaning here.
 */
export function writeRecurrentModel(
  path: string,
  { states = 16, ...options }:
    & Omit<ArchModelOptions, "heads" | "kvHeads" | "feedForward">
    & {
      /** Numbers in the state of each channel. @default 16 */
      readonly states?: number;
    } = {},
): void {
  const shape = shapeOf(2, options);
  const { width } = shape;
  // The only factor that llama.cpp supports.
  const inner = 2 * width;
  const kernel = 4;
  const rank = Math.ceil(width / 16);
  write(path, "mamba", shape, {
    metadata: {
      "feed_forward_length": { u32: 0 },
      "attention.head_count": { u32: 0 },
      "ssm.conv_kernel": { u32: kernel },
      "ssm.inner_size": { u32: inner },
      "ssm.state_size": { u32: states },
      "ssm.time_step_rank": { u32: rank },
    },
    blocks: blocksOf(shape, (block) => [
      block.norm("attn_norm", width),
      block.matrix("ssm_in", [width, 2 * inner]),
      block.matrix("ssm_conv1d", [kernel, inner]),
      block.constant("ssm_conv1d.bias", [inner], 0),
      block.matrix("ssm_x", [inner, rank + 2 * states]),
      block.matrix("ssm_dt", [rank, inner]),
      // Time steps near 0.1 and decays from 1 up, as in trained models: the state lasts some tokens.
      block.constant("ssm_dt.bias", [inner], -2.25),
      block.tensor("ssm_a", [states, inner], (_row, values) => {
        for (let at = 0; at < values.length; at++) values[at] = -(at + 1);
      }),
      block.constant("ssm_d", [inner], 1),
      block.matrix("ssm_out", [inner, width]),
    ]),
  });
}

/**
 * Writes a `gemma3`, in which every `period`-th block attends to all tokens and the others to the
 * last `window` only: `llama_model_n_swa` is `window`. For engines that reuse the cache of a longer
 * text, which has lost what the window left behind.
 */
export function writeSlidingWindowModel(
  path: string,
  { window = 32, period = 2, ...options }: ArchModelOptions & {
    /** Tokens. @default 32 */
    readonly window?: number;
    /** @default 2 */
    readonly period?: number;
  } = {},
): void {
  const shape = shapeOf(2, options);
  const { width } = shape;
  write(path, "gemma3", shape, {
    metadata: {
      ...attentionMetadata(shape),
      "attention.sliding_window": { u32: window },
      "attention.sliding_window_pattern": { u32: period },
    },
    // This architecture multiplies embeddings by √width.
    embedding: 1 / Math.sqrt(width),
    blocks: blocksOf(shape, (block) => [
      ...attention(block, shape),
      block.norm("post_attention_norm", width),
      ...feedForward(block, shape),
      block.norm("post_ffw_norm", width),
    ]),
  });
}

/** Options of the models that draft. */
export interface MtpModelOptions extends ArchModelOptions {
  /** Blocks that draft. @default 1 */
  readonly draftLayers?: number;
  /** Size of what disturbs drafts, relative to the embedding. @default 0.25 */
  readonly noise?: number;
}

/**
 * Writes an `hy_v3` with blocks for multi-token prediction: `llama_model_n_layer_nextn` is
 * `draftLayers`, and a context of the type `LLAMA_CONTEXT_TYPE_MTP` drafts with them. All its memory
 * can be cut back at will.
 *
 * The blocks that draft have the weights of the last block of the model. They see the embedding of the
 * last token, and as noise the hidden state before it. So with one layer and no noise, nearly all drafts
 * are what the model itself generates; with the defaults about a third is.
 */
export function writeMtpModel(
  path: string,
  { draftLayers = 1, noise = 0.25, ...options }: MtpModelOptions = {},
): void {
  const shape = shapeOf(1, options);
  const decoder = (block: Block) => [...attention(block, shape), ...feedForward(block, shape)];
  write(path, "hy_v3", { ...shape, layers: shape.layers + draftLayers }, {
    metadata: {
      ...attentionMetadata(shape),
      // The loader wants this, though no block has experts.
      "expert_feed_forward_length": { u32: shape.feedForward },
      "nextn_predict_layers": { u32: draftLayers },
    },
    blocks: [
      ...blocksOf(shape, decoder),
      ...draftBlocks(shape, { draftLayers, noise, decoder }),
    ],
  });
}

/** Gain of the recurrent blocks of {@linkcode writeHybridMtpModel}: drafts do not know of them. */
const RECURRENT = 0.4;

/**
 * Writes a `qwen35` with a block for multi-token prediction, as {@linkcode writeMtpModel} does. Its
 * blocks alternate between a gated delta net and attention: `llama_model_is_hybrid` is true, and it
 * can be cut back by up to `n_rs_seq` tokens. For engines that take back drafts of such a model.
 */
export function writeHybridMtpModel(
  path: string,
  { noise = 0, ...options }: Omit<MtpModelOptions, "draftLayers"> = {},
): void {
  const shape = shapeOf(2, options);
  const { width, heads, kvHeads } = shape;
  const head = width / heads;
  const kernel = 4;
  /** Keys, values and queries of the recurrent blocks; queries and keys have one head. */
  const values = head * heads;
  const channels = 2 * head + values;
  const feed = (block: Block, gain?: number) => [
    block.norm("post_attention_norm", width),
    ...feedForward(block, shape, gain).slice(1),
  ];
  const recurrent = (block: Block) => [
    block.norm("attn_norm", width),
    block.matrix("attn_qkv", [width, channels]),
    block.matrix("attn_gate", [width, values]),
    block.matrix("ssm_conv1d", [kernel, channels]),
    block.constant("ssm_dt.bias", [heads], -2.25),
    block.constant("ssm_a", [heads], -1),
    block.matrix("ssm_beta", [width, heads]),
    block.matrix("ssm_alpha", [width, heads]),
    block.norm("ssm_norm", head),
    block.matrix("ssm_out", [values, width], RECURRENT),
    ...feed(block, RECURRENT),
  ];
  const attending = (block: Block) => [
    block.norm("attn_norm", width),
    block.constant("attn_q_norm.weight", [head], 2),
    block.norm("attn_k_norm", head),
    // For each head its query and its gate.
    block.matrix("attn_q", [width, 2 * width]),
    block.matrix("attn_k", [width, head * kvHeads]),
    block.matrix("attn_v", [width, head * kvHeads]),
    block.matrix("attn_output", [width, width]),
    ...feed(block),
  ];
  const draftLayers = 1;
  write(path, "qwen35", { ...shape, layers: shape.layers + draftLayers }, {
    metadata: {
      ...attentionMetadata(shape),
      "rope.dimension_sections": { i32s: [head / 2, 0, 0, 0] },
      "full_attention_interval": { u32: 2 },
      "ssm.conv_kernel": { u32: kernel },
      "ssm.inner_size": { u32: values },
      "ssm.state_size": { u32: head },
      "ssm.time_step_rank": { u32: heads },
      "ssm.group_count": { u32: 1 },
      "nextn_predict_layers": { u32: draftLayers },
    },
    blocks: [
      ...blocksOf(shape, (block, index) => index % 2 === 0 ? recurrent(block) : attending(block)),
      ...draftBlocks(shape, { draftLayers, noise, decoder: attending }),
    ],
  });
}

/**
 * Writes an adapter for a model of {@linkcode writeRandomModel} of that shape, which changes the
 * output of nearly every token: with it, another text follows the same prompt.
 *
 * @param options.width Embedding length of the model. Default is that of `writeRandomModel`.
 * @param options.vocabulary Tokens of the model. Default is that of `writeRandomModel`.
 */
export function writeRandomAdapter(
  path: string,
  { width = 128, vocabulary = 1024, rank = 4, seed = 1 }: {
    width?: number;
    vocabulary?: number;
    rank?: number;
    seed?: number;
  } = {},
): void {
  const random = seededRandom(seed);
  const matrix = (name: string, columns: number, rows: number, fill: Fill): GgufTensor => (
    { name: `output.weight.${name}`, columns, rows, type: "F32", fill }
  );
  writeGguf(path, {
    metadata: {
      "general.type": { string: "adapter" },
      "general.architecture": { string: "llama" },
      "adapter.type": { string: "lora" },
      "adapter.lora.alpha": { f32: rank },
    },
    tensors: [
      matrix("lora_a", width, rank, uniform(random, 1 / Math.sqrt(width))),
      matrix("lora_b", rank, vocabulary, onlyWords(uniform(random, OUTPUT / Math.sqrt(rank)))),
    ],
  });
}

/** Fills one row of a tensor. */
type Fill = GgufTensor["fill"];

type Shape = Required<ArchModelOptions>;

/** Deviation of the logits of words. */
const OUTPUT = 4;

function shapeOf(layers: number, options: ArchModelOptions): Shape {
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
function blockSeed({ seed }: Shape, index: number): number {
  return 1000 * seed + index + 1;
}

function blocksOf(
  shape: Shape,
  tensors: (block: Block, index: number) => readonly GgufTensor[],
): GgufTensor[] {
  return Array.from(
    { length: shape.layers },
    (_, index) => tensors(new Block(index, blockSeed(shape, index)), index),
  ).flat();
}

/** Makes the tensors of one block. Those with the same seed and shapes have the same values. */
class Block {
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
function attention(block: Block, { width, heads, kvHeads }: Shape): GgufTensor[] {
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

function attentionMetadata(
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

function feedForward(block: Block, { width, feedForward }: Shape, gain = 1): GgufTensor[] {
  return [
    block.norm("ffn_norm", width),
    block.matrix("ffn_gate", [width, feedForward]),
    block.matrix("ffn_up", [width, feedForward]),
    block.matrix("ffn_down", [feedForward, width], gain),
  ];
}

/** Blocks that draft as the last block of the model decodes. */
function draftBlocks(
  shape: Shape,
  { draftLayers, noise, decoder }: {
    readonly draftLayers: number;
    readonly noise: number;
    readonly decoder: (block: Block) => readonly GgufTensor[];
  },
): GgufTensor[] {
  const { layers, width } = shape;
  return Array.from({ length: draftLayers }, (_, index) => {
    const at = layers + index;
    return [
      ...decoder(new Block(at, blockSeed(shape, layers - 1))),
      ...draftInput(new Block(at, blockSeed(shape, at)), width, noise),
    ];
  }).flat();
}

/** Tensors that join a token's embedding and a hidden state for a block that drafts. */
function draftInput(block: Block, width: number, noise: number): GgufTensor[] {
  const joined = block.matrix("nextn.eh_proj", [2 * width, width], noise * Math.SQRT2);
  return [
    {
      ...joined,
      fill(row, values) {
        joined.fill(row, values);
        values.fill(0, 0, width);
        values[row] = 1;
      },
    },
    block.norm("nextn.enorm", width),
    block.norm("nextn.hnorm", width),
    block.norm("nextn.shared_head_norm", width),
  ];
}

/** A uniform distribution from -a to a has the standard deviation a / √3. */
function uniform(random: () => number, deviation: number): Fill {
  const scale = 2 * Math.sqrt(3) * deviation;
  return (_row, values) => {
    for (let at = 0; at < values.length; at++) values[at] = scale * (random() - 0.5);
  };
}

/** Leaves the rows of all tokens zero that are not words. */
function onlyWords(fill: Fill): Fill {
  return (row, values) => {
    if (row >= MIN_VOCABULARY) fill(row, values);
  };
}

/** Writes blocks between embeddings and output. */
function write(
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
