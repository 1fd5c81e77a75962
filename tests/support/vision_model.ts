/**
 * A model that sees, with seeded random weights: what it says depends on the image, and means nothing.
 *
 * @module
 */
import { type GgufTensor, writeGguf } from "./gguf_writer.ts";
import { writeRandomModel } from "./models.ts";
import { seededRandom } from "./random.ts";

/** Pixels of a side of the images that the encoder gets, and of its patches. */
const [IMAGE, PATCH] = [32, 8];
const PATCHES = (IMAGE / PATCH) ** 2;
const [WIDTH, HEADS, FEED_FORWARD] = [32, 4, 64];
/** Embedding length of the model of text. */
const TEXT_WIDTH = 128;

/** Tokens of an image. */
export const IMAGE_TOKENS: number = PATCHES;

/** Writes the model of text. */
export function writeSeeingModel(path: string): void {
  writeRandomModel(path, { width: TEXT_WIDTH, seed: 7, vocabulary: 600 });
}

/**
 * Writes what llama-server's `--mmproj` loads: an encoder of one layer with LLaVA's projector.
 *
 * Source: tools/mtmd/models/llava.cpp of llama.cpp.
 */
export function writeProjector(path: string): void {
  const random = seededRandom(11);
  const tensor = (
    name: string,
    columns: number,
    rows: number,
    deviation: number,
    type: "F32" | "F16" = "F32",
  ): GgufTensor => ({
    name,
    columns,
    rows,
    type,
    fill(_row, values) {
      const scale = 2 * Math.sqrt(3) * deviation;
      for (let at = 0; at < values.length; at++) values[at] = scale * (random() - 0.5);
    },
  });
  const matrix = (name: string, columns: number, rows: number) =>
    tensor(`${name}.weight`, columns, rows, 1 / Math.sqrt(columns));
  const constant = (name: string, columns: number, value: number): GgufTensor => ({
    ...tensor(name, columns, 0, 0),
    fill: (_row, values) => values.fill(value),
  });
  const norm = (name: string) => [
    constant(`${name}.weight`, WIDTH, 1),
    constant(`${name}.bias`, WIDTH, 0),
  ];
  const biased = (name: string, columns: number, rows: number) => [
    matrix(name, columns, rows),
    constant(`${name}.bias`, rows, 0),
  ];
  // Of the last block only the norms of the one before it are used, as LLaVA does.
  const block = (index: number) => [
    ...norm(`v.blk.${index}.ln1`),
    ...["q", "k", "v", "out"].flatMap((part) =>
      biased(`v.blk.${index}.attn_${part}`, WIDTH, WIDTH)
    ),
    ...norm(`v.blk.${index}.ln2`),
    ...biased(`v.blk.${index}.ffn_up`, WIDTH, FEED_FORWARD),
    ...biased(`v.blk.${index}.ffn_down`, FEED_FORWARD, WIDTH),
  ];
  writeGguf(path, {
    metadata: {
      "general.architecture": { string: "clip" },
      "general.name": { string: "random eyes" },
      "general.file_type": { u32: 0 },
      "clip.has_vision_encoder": { bool: true },
      "clip.projector_type": { string: "mlp" },
      "clip.use_gelu": { bool: true },
      "clip.vision.image_size": { u32: IMAGE },
      "clip.vision.patch_size": { u32: PATCH },
      "clip.vision.embedding_length": { u32: WIDTH },
      "clip.vision.feed_forward_length": { u32: FEED_FORWARD },
      "clip.vision.projection_dim": { u32: TEXT_WIDTH },
      "clip.vision.block_count": { u32: 2 },
      "clip.vision.attention.head_count": { u32: HEADS },
      "clip.vision.attention.layer_norm_epsilon": { f32: 1e-5 },
      "clip.vision.image_mean": { f32s: [0.5, 0.5, 0.5] },
      "clip.vision.image_std": { f32s: [0.5, 0.5, 0.5] },
    },
    tensors: [
      {
        ...tensor("v.patch_embd.weight", PATCH * PATCH * 3, WIDTH, 0.2, "F16"),
        shape: [PATCH, PATCH, 3, WIDTH],
      },
      tensor("v.position_embd.weight", WIDTH, PATCHES, 0.1),
      ...norm("v.pre_ln"),
      ...block(0),
      ...block(1),
      ...biased("mm.0", WIDTH, TEXT_WIDTH),
      ...biased("mm.2", TEXT_WIDTH, TEXT_WIDTH),
    ],
  });
}
