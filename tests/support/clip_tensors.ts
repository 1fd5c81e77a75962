import type { GgufTensor } from "./gguf_writer.ts";
import { seededRandom } from "./random.ts";

/** Makers of the tensors of encoders of pictures and sound, with seeded random weights. */
export function clipTensors(seed: number) {
  const random = seededRandom(seed);
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
  return {
    tensor,
    matrix,
    constant,
    norm: (name: string, width: number) => [
      constant(`${name}.weight`, width, 1),
      constant(`${name}.bias`, width, 0),
    ],
    biased: (name: string, columns: number, rows: number) => [
      matrix(name, columns, rows),
      constant(`${name}.bias`, rows, 0),
    ],
  };
}
