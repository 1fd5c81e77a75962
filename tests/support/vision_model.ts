/**
 * A model that sees, with seeded random weights: what it says depends on the image, and means nothing.
 *
 * @module
 */
import { clipTensors } from "./clip_tensors.ts";
import { type GgufTensor, writeGguf } from "./gguf_writer.ts";
import { writeRandomModel } from "./models.ts";

/** How a model that sees is made. */
export interface Eyes {
  /** Projector, as `clip.projector_type` names it. Qwen2-VL's has two dimensions of positions. */
  readonly kind: "mlp" | "qwen2vl_merger";
  /** Pixels of a side of the images that the encoder gets; LLaVA's are always of this size. */
  readonly image: number;
  /** Pixels of a side of a patch. */
  readonly patch: number;
  readonly width: number;
  readonly heads: number;
  readonly feedForward: number;
  /** Of the last block of LLaVA's only the norms are used. */
  readonly blocks: number;
  /** Embedding length of the model of text. */
  readonly textWidth: number;
}

/** LLaVA's projector, as small as it can be. */
export const TINY_EYES: Eyes = {
  ...{ kind: "mlp", image: 32, patch: 8, width: 32, heads: 4, feedForward: 64, blocks: 2 },
  textWidth: 128,
};

/** Qwen2-VL's, whose pictures have as many tokens as their size says. */
export const TINY_QWEN_EYES: Eyes = { ...TINY_EYES, kind: "qwen2vl_merger" };

/** Tokens of an image of {@linkcode TINY_EYES}. */
export const IMAGE_TOKENS: number = (TINY_EYES.image / TINY_EYES.patch) ** 2;

/** Writes the model of text of tiny eyes. */
export function writeSeeingModel(path: string, { kind, textWidth }: Eyes = TINY_EYES): void {
  writeRandomModel(path, {
    ...{ width: textWidth, seed: 7, vocabulary: 600 },
    // Heads of 32 numbers.
    ...(kind === "qwen2vl_merger" ? { ropeSections: [4, 6, 6, 0] } : {}),
  });
}

/**
 * Writes what llama-server's `--mmproj` loads: an encoder and a projector.
 *
 * Source: tools/mtmd/models/llava.cpp and qwen2vl.cpp of llama.cpp.
 */
export function writeProjector(path: string, eyes: Eyes = TINY_EYES): void {
  const { kind, image, patch, width, heads, feedForward, textWidth } = eyes;
  const { tensor, norm, biased } = clipTensors(11);
  const block = (index: number) => [
    ...norm(`v.blk.${index}.ln1`, width),
    ...["q", "k", "v", "out"].flatMap((part) =>
      biased(`v.blk.${index}.attn_${part}`, width, width)
    ),
    ...norm(`v.blk.${index}.ln2`, width),
    ...biased(`v.blk.${index}.ffn_up`, width, feedForward),
    ...biased(`v.blk.${index}.ffn_down`, feedForward, width),
  ];
  const patches = (name: string): GgufTensor => ({
    ...tensor(name, patch * patch * 3, width, 0.2, "F16"),
    shape: [patch, patch, 3, width],
  });
  const isQwen = kind === "qwen2vl_merger";
  // Qwen's projector takes four patches at once.
  const taken = isQwen ? 4 * width : width;
  writeGguf(path, {
    metadata: {
      "general.architecture": { string: "clip" },
      "general.name": { string: "random eyes" },
      "general.file_type": { u32: 0 },
      "clip.has_vision_encoder": { bool: true },
      "clip.projector_type": { string: kind },
      "clip.use_gelu": { bool: true },
      "clip.vision.image_size": { u32: image },
      "clip.vision.patch_size": { u32: patch },
      "clip.vision.embedding_length": { u32: width },
      "clip.vision.feed_forward_length": { u32: feedForward },
      "clip.vision.projection_dim": { u32: textWidth },
      "clip.vision.block_count": { u32: eyes.blocks },
      "clip.vision.attention.head_count": { u32: heads },
      "clip.vision.attention.layer_norm_epsilon": { f32: 1e-5 },
      "clip.vision.image_mean": { f32s: [0.5, 0.5, 0.5] },
      "clip.vision.image_std": { f32s: [0.5, 0.5, 0.5] },
    },
    tensors: [
      patches("v.patch_embd.weight"),
      ...(isQwen ? [patches("v.patch_embd.weight.1"), ...norm("v.post_ln", width)] : [
        tensor("v.position_embd.weight", width, (image / patch) ** 2, 0.1),
        ...norm("v.pre_ln", width),
      ]),
      ...Array.from({ length: eyes.blocks }, (_, index) => block(index)).flat(),
      ...biased("mm.0", taken, isQwen ? taken : textWidth),
      ...biased("mm.2", isQwen ? taken : textWidth, textWidth),
    ],
  });
}
