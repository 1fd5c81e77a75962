import { FIELDS } from "../c/abi.ts";
import { addressOfBuffer, setFields } from "../c/c_values.ts";
import { layoutOf } from "../c/layout.ts";
import type { Llama } from "../c/library.ts";
import { DecodeError, reasonOf } from "./decoder.ts";
import type { PartOrder, Places } from "./messages.ts";

const BATCH = layoutOf(FIELDS.llama_batch);
const FLOAT_BYTES = 4;

/**
 * Evaluates an encoded picture or sound in a context, as llama.cpp's `mtmd_helper_decode_image_chunk` does. Lives
 * in llama.cpp's thread.
 *
 * @param batchSize Most tokens of a batch. What is whole and larger cannot be evaluated.
 * @throws {DecodeError}
 */
export function decodeMedia(
  llama: Llama,
  context: Deno.PointerValue,
  { sequence, position, tokens, media }: PartOrder,
  batchSize: number,
): void {
  const { numbers, isWhole, places } = media!;
  const count = tokens.length;
  if (isWhole && count > batchSize) {
    throw new DecodeError(`it has ${count} tokens, and batch_size is ${batchSize}`);
  }
  const width = numbers.byteLength / FLOAT_BYTES / count;
  const [id, ids] = [Int32Array.of(sequence), new BigUint64Array(count)];
  ids.fill(BigInt(addressOfBuffer(id)));
  const [idCounts, outputs] = [new Int32Array(count).fill(1), new Int8Array(count)];
  if (isWhole) llama.llama_set_causal_attn(context, false);
  try {
    for (let from = 0; from < count; from += batchSize) {
      const size = Math.min(batchSize, count - from);
      const values = new Float32Array(numbers, from * width * FLOAT_BYTES, size * width);
      const positions = positionsOf(position, from, size, count, places);
      const batch = new Uint8Array(BATCH.size);
      setFields(batch, FIELDS.llama_batch, BATCH, {
        n_tokens: size,
        token: 0,
        embd: addressOfBuffer(values),
        pos: addressOfBuffer(positions),
        n_seq_id: addressOfBuffer(idCounts),
        seq_id: addressOfBuffer(ids),
        logits: addressOfBuffer(outputs),
      });
      const result = llama.llama_decode(context, batch);
      if (result !== 0) throw new DecodeError(reasonOf(result));
      // Only addresses of them were passed: this keeps them alive until here.
      void [id, values, positions];
    }
  } finally {
    if (isWhole) llama.llama_set_causal_attn(context, true);
  }
}

/** Positions of a part of a piece, as llama.cpp takes them. */
function positionsOf(
  base: number,
  from: number,
  size: number,
  count: number,
  places: Places | undefined,
): Int32Array<ArrayBuffer> {
  if (!places) return Int32Array.from({ length: size }, (_, at) => base + from + at);
  const positions = new Int32Array(4 * size);
  for (let row = 0; row < 4; row++) {
    const moved = row < 3 || places.movesLast ? base : 0;
    for (let at = 0; at < size; at++) {
      positions[row * size + at] = moved + places.numbers[row * count + from + at]!;
    }
  }
  return positions;
}
