/**
 * A model that hears, with seeded random weights: what it says depends on the sound, and means nothing.
 *
 * @module
 */
import { clipTensors } from "./clip_tensors.ts";
import { writeGguf } from "./gguf_writer.ts";
import { TINY_EYES } from "./vision_model.ts";

const [WIDTH, HEADS, FEED_FORWARD, BLOCKS, BINS] = [32, 4, 64, 1, 16];
/** Positions of 30 seconds, the least that is encoded. */
const POSITIONS = 1500;
/** Positions that become one token. */
const STACK = 10;

/** Tokens of a sound of at most 30 seconds. */
export const SOUND_TOKENS: number = POSITIONS / STACK;

/**
 * Writes what llama-server's `--mmproj` loads: Whisper's encoder with Ultravox's projector, for the model of text
 * of tiny eyes.
 *
 * Source: tools/mtmd/models/whisper-enc.cpp of llama.cpp.
 */
export function writeEars(path: string): void {
  const { tensor, matrix, constant, norm, biased } = clipTensors(13);
  const textWidth = TINY_EYES.textWidth;
  const stacked = STACK * WIDTH;
  const convolution = (number: number, inputs: number) => [
    {
      ...tensor(`a.conv1d.${number}.weight`, 3 * inputs, WIDTH, 1 / Math.sqrt(3 * inputs), "F16"),
      shape: [3, inputs, WIDTH],
    },
    { ...constant(`a.conv1d.${number}.bias`, WIDTH, 0), shape: [1, WIDTH] },
  ];
  const block = (index: number) => [
    ...norm(`a.blk.${index}.ln1`, WIDTH),
    ...["q", "v", "out"].flatMap((part) => biased(`a.blk.${index}.attn_${part}`, WIDTH, WIDTH)),
    matrix(`a.blk.${index}.attn_k`, WIDTH, WIDTH),
    ...norm(`a.blk.${index}.ln2`, WIDTH),
    ...biased(`a.blk.${index}.ffn_up`, WIDTH, FEED_FORWARD),
    ...biased(`a.blk.${index}.ffn_down`, FEED_FORWARD, WIDTH),
  ];
  writeGguf(path, {
    metadata: {
      "general.architecture": { string: "clip" },
      "general.name": { string: "random ears" },
      "general.file_type": { u32: 0 },
      "clip.has_audio_encoder": { bool: true },
      "clip.has_vision_encoder": { bool: false },
      "clip.projector_type": { string: "ultravox" },
      "clip.use_gelu": { bool: true },
      "clip.audio.num_mel_bins": { u32: BINS },
      "clip.audio.projector.stack_factor": { u32: STACK },
      "clip.audio.embedding_length": { u32: WIDTH },
      "clip.audio.feed_forward_length": { u32: FEED_FORWARD },
      "clip.audio.projection_dim": { u32: textWidth },
      "clip.audio.block_count": { u32: BLOCKS },
      "clip.audio.attention.head_count": { u32: HEADS },
      "clip.audio.attention.layer_norm_epsilon": { f32: 1e-5 },
    },
    tensors: [
      ...convolution(1, BINS),
      ...convolution(2, WIDTH),
      tensor("a.position_embd.weight", WIDTH, POSITIONS, 0.1),
      ...Array.from({ length: BLOCKS }, (_, index) => block(index)).flat(),
      ...norm("a.post_ln", WIDTH),
      constant("mm.a.norm_pre.weight", stacked, 1),
      matrix("mm.a.mlp.1", stacked, 2 * FEED_FORWARD),
      constant("mm.a.norm_mid.weight", FEED_FORWARD, 1),
      matrix("mm.a.mlp.2", FEED_FORWARD, textWidth),
    ],
  });
}
