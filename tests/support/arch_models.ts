/**
 * Small models of architectures whose memory or layers an engine must treat in a way of their own.
 *
 * All have seeded random weights and the vocabulary of `wordVocabulary`. Tokens that are not
 * words have an output row of zeros, so that greedy decoding generates words and does not end by
 * itself. The same options always give the same bytes.
 *
 * @module
 */
import {
  type ArchModelOptions,
  attention,
  attentionMetadata,
  Block,
  blockSeed,
  blocksOf,
  feedForward,
  type Fill,
  onlyWords,
  OUTPUT,
  type Shape,
  shapeOf,
  uniform,
  writeModel,
} from "./arch_model_parts.ts";
import { type GgufTensor, writeGguf } from "./gguf_writer.ts";
import { seededRandom } from "./random.ts";

export type { ArchModelOptions } from "./arch_model_parts.ts";

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
  writeModel(path, "qwen3moe", shape, {
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
 * It can be cut back by up to `n_rs_seq` tokens, and the first token of its last batch must stay:
 * llama.cpp lets one remove it, and goes on with a wrong state.
 */
export function writeHybridModel(path: string, options: ArchModelOptions = {}): void {
  const shape = shapeOf(4, options);
  const { width, kvHeads, layers } = shape;
  const isRecurrent = (index: number) => index % 2 === 0;
  writeModel(path, "lfm2", shape, {
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
  writeModel(path, "mamba", shape, {
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
  writeModel(path, "gemma3", shape, {
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
  writeModel(path, "hy_v3", { ...shape, layers: shape.layers + draftLayers }, {
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
 * can be cut back as {@linkcode writeHybridModel} can. For engines that take back drafts of such a model.
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
  writeModel(path, "qwen35", { ...shape, layers: shape.layers + draftLayers }, {
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
 * Writes an adapter for a model of `writeRandomModel` of that shape, which changes the
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
