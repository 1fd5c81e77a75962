import { type TaskRequest, taskRequest } from "#shared/contracts/mod.ts";

/** A task that stands for a call at admission and in the queue: its longest input, with one token to generate. */
export function inputTask(model: string, inputs: readonly (string | number[])[]): TaskRequest {
  const longest = inputs.reduce((one, other) => other.length > one.length ? other : one);
  return taskRequest.parse({
    model,
    max_tokens: 1,
    ...(typeof longest === "string" ? { prompt: longest } : { prompt_tokens: longest }),
  });
}

/** Decodes an embedding: base64 of 32-bit floats, little-endian. */
export function floats(embedding: string): number[] {
  const bytes = Uint8Array.fromBase64(embedding);
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(index * 4, true));
}
