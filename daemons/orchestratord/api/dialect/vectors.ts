import { type TaskRequest, taskRequest } from "#shared/contracts/mod.ts";
import { invalidRequest } from "#shared/errors.ts";

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

/** Encodes a vector as {@linkcode floats} reads it. */
export function toBase64(vector: readonly number[]): string {
  const view = new DataView(new ArrayBuffer(vector.length * 4));
  vector.forEach((value, index) => view.setFloat32(index * 4, value, true));
  return new Uint8Array(view.buffer).toBase64();
}

/**
 * The first numbers of a vector, scaled to length 1.
 *
 * @throws {LlorchError} `INVALID_REQUEST` if it has fewer
 */
export function cut(vector: readonly number[], dimensions: number): number[] {
  if (dimensions > vector.length) {
    const message = `must be at most ${vector.length}, the model's own`;
    throw invalidRequest([{ field: "dimensions", message }]);
  }
  const first = vector.slice(0, dimensions);
  const length = Math.hypot(...first);
  return length === 0 ? first : first.map((value) => value / length);
}
