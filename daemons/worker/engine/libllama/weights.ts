import { createHash } from "node:crypto";
import { readGgufHeader } from "#shared/models/gguf_header.ts";
import { partPaths } from "#shared/models/split.ts";

/** What a load maps or reads of a model's files, in bytes. */
export interface Weights {
  readonly fileBytes: number;
  readonly dataBytes: number;
  /** Bytes of weights by device, as their layers are placed. */
  readonly byDevice: ReadonlyMap<string, number>;
  /** Bytes of each tensor. */
  readonly tensors: readonly number[];
}

/** The device that holds what belongs to no layer, such as embeddings. */
export const INPUT_DEVICE = "CPU";
const EMBEDDINGS = "token_embd.weight";

/**
 * Reads how a model's weights are spread.
 *
 * @param layers The device of each layer; the last one is the output's.
 * @param overridden The device of a tensor that is held elsewhere than its layer.
 * @throws {LlorchError} if a file is no model
 */
export async function weightsOf(
  path: string,
  layers: readonly string[],
  overridden: (tensor: string) => string | undefined = () => undefined,
): Promise<Weights> {
  const byDevice = new Map<string, number>();
  const sizes: number[] = [];
  const output = layers.at(-1) ?? INPUT_DEVICE;
  const add = (device: string, bytes: number) =>
    byDevice.set(device, (byDevice.get(device) ?? 0) + bytes);
  let embeddingBytes = 0;
  let hasOutput = false;
  let [fileBytes, dataBytes] = [0, 0];
  for (const part of partPaths(path)) {
    const { sizeBytes, dataBytes: data, tensors } = await readGgufHeader(
      part,
      createHash("sha256"),
    );
    for (const [name, bytes] of tensors) {
      sizes.push(bytes);
      const elsewhere = overridden(name);
      const layer = /^blk\.(\d+)\./.exec(name)?.[1];
      if (elsewhere !== undefined) add(elsewhere, bytes);
      else if (layer !== undefined) add(layers[Number(layer)] ?? output, bytes);
      else if (name.startsWith("output")) add(output, bytes);
      else add(INPUT_DEVICE, bytes);
      hasOutput ||= name === "output.weight";
      if (name === EMBEDDINGS) embeddingBytes = bytes;
    }
    fileBytes += sizeBytes;
    dataBytes += data;
  }
  // A model without output weights uses its embeddings, of which the device gets a copy.
  if (!hasOutput && output !== INPUT_DEVICE) add(output, embeddingBytes);
  return { fileBytes, dataBytes, byDevice, tensors: sizes };
}
