import { type GgufTensor, type TensorType, writeGguf } from "./gguf_writer.ts";
import { seededRandom } from "./random.ts";
import { wordVocabulary } from "./vocabulary.ts";

/** GGUF's numbers of the pooling types. */
const POOLING = { embed: 1, rank: 4 } as const;

/**
 * Writes a BERT-shaped encoder with seeded random weights: one for embeddings (the mean of all
 * tokens), or one with a ranking head. It cannot generate text.
 */
export function writeEncoderModel(
  path: string,
  {
    purpose,
    width = 64,
    context = 256,
    layers = 1,
    heads = 2,
    feedForward = width,
    numbers = 100,
    type = "F32",
  }: {
    purpose: keyof typeof POOLING;
    width?: number;
    context?: number;
    layers?: number;
    heads?: number;
    feedForward?: number;
    numbers?: number;
    type?: TensorType;
  },
): void {
  const vocabulary = wordVocabulary(numbers);
  const random = seededRandom(7);
  const noise: GgufTensor["fill"] = (_row, values) => {
    for (let at = 0; at < values.length; at++) values[at] = (random() - 0.5) / 2;
  };
  const matrix = (name: string, columns: number, rows: number): GgufTensor => ({
    name: `${name}.weight`,
    columns,
    rows,
    // Those that are only added or looked up stay as they are.
    type: name.startsWith("blk.") ? type : "F32",
    fill: noise,
  });
  const norm = (name: string): GgufTensor[] =>
    [["weight", 1], ["bias", 0]].map(([kind, value]) => ({
      name: `${name}.${kind}`,
      columns: width,
      rows: 0,
      type: "F32",
      fill: (_row, values) => values.fill(Number(value)),
    }));
  writeGguf(path, {
    metadata: {
      "general.architecture": { string: "bert" },
      "general.name": { string: purpose },
      "bert.vocab_size": { u32: vocabulary.size },
      "bert.context_length": { u32: context },
      "bert.embedding_length": { u32: width },
      "bert.block_count": { u32: layers },
      "bert.feed_forward_length": { u32: feedForward },
      "bert.attention.head_count": { u32: heads },
      "bert.attention.layer_norm_epsilon": { f32: 1e-5 },
      "bert.attention.causal": { bool: false },
      "bert.pooling_type": { u32: POOLING[purpose] },
      "tokenizer.ggml.token_type_count": { u32: 1 },
      ...vocabulary.metadata,
    },
    tensors: [
      matrix("token_embd", width, vocabulary.size),
      matrix("token_types", width, 1),
      matrix("position_embd", width, context),
      ...norm("token_embd_norm"),
      ...Array.from({ length: layers }, (_, layer) => [
        ...["attn_q", "attn_k", "attn_v", "attn_output"]
          .map((name) => matrix(`blk.${layer}.${name}`, width, width)),
        matrix(`blk.${layer}.ffn_up`, width, feedForward),
        matrix(`blk.${layer}.ffn_down`, feedForward, width),
        ...norm(`blk.${layer}.attn_output_norm`),
        ...norm(`blk.${layer}.layer_output_norm`),
      ]).flat(),
      ...(purpose === "rank" ? [matrix("cls.output", width, 1)] : []),
    ],
  });
}
