/**
 * A minimal GGUF v3 writer, for models that tests generate.
 *
 * @module
 */

const ALIGNMENT = 32;
/** Values per block of Q8_0 and Q4_0. */
const BLOCK = 32;

/** A metadata value with its type. */
export type GgufValue =
  | { readonly u32: number }
  | { readonly i32: number }
  | { readonly f32: number }
  | { readonly bool: boolean }
  | { readonly string: string }
  | { readonly strings: readonly string[] }
  | { readonly f32s: readonly number[] }
  | { readonly i32s: readonly number[] };

/** How a tensor's values are stored. */
export type TensorType = "F32" | "F16" | "Q8_0" | "Q4_0";

/** A tensor whose values are generated row by row, so that a large model needs little memory. */
export interface GgufTensor {
  readonly name: string;
  /** Values per row; a multiple of 32 for Q8_0 and Q4_0. */
  readonly columns: number;
  /** 0 writes a one-dimensional tensor of one row. */
  readonly rows: number;
  /** Its dimensions, of the same number of values; by default columns and rows. */
  readonly shape?: readonly number[];
  readonly type: TensorType;
  /** Whether it is all zeros, which take no room on the disk. @default false */
  readonly isZero?: boolean;
  /** Fills one row, which starts as zeros. Called once for each row, in order. */
  fill(row: number, values: Float32Array): void;
}

/** What {@linkcode writeGguf} writes. */
export interface GgufContent {
  readonly metadata: Readonly<Record<string, GgufValue>>;
  readonly tensors: readonly GgufTensor[];
}

interface Format {
  /** `ggml_type`. */
  readonly id: number;
  rowBytes(columns: number): number;
  encode(values: Float32Array, out: DataView): void;
}

const FORMATS: Readonly<Record<TensorType, Format>> = {
  F32: {
    id: 0,
    rowBytes: (columns) => 4 * columns,
    encode: (values, out) => values.forEach((value, at) => out.setFloat32(4 * at, value, true)),
  },
  F16: {
    id: 1,
    rowBytes: (columns) => 2 * columns,
    encode: (values, out) => values.forEach((value, at) => out.setFloat16(2 * at, value, true)),
  },
  Q4_0: { id: 2, rowBytes: (columns) => blocks(columns) * 18, encode: encodeQ4 },
  Q8_0: { id: 8, rowBytes: (columns) => blocks(columns) * 34, encode: encodeQ8 },
};

/** Writes a GGUF file; the same content always gives the same bytes. */
export function writeGguf(path: string, content: GgufContent): void {
  using file = Deno.openSync(path, { write: true, create: true, truncate: true });
  const header = encodeHeader(content);
  writeAll(file, padded(header));
  for (const tensor of content.tensors) {
    if (tensor.isZero) file.seekSync(pad(bytesOf(tensor)), Deno.SeekMode.Current);
    else writeAll(file, padded(encodeTensor(tensor)));
  }
  file.truncateSync(file.seekSync(0, Deno.SeekMode.Current));
}

function encodeHeader({ metadata, tensors }: GgufContent): Uint8Array<ArrayBuffer> {
  const out = new Bytes();
  out.raw(new TextEncoder().encode("GGUF"));
  out.u32(3);
  out.u64(tensors.length);
  out.u64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) {
    out.string(key);
    encodeValue(out, value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    const format = FORMATS[tensor.type];
    const { columns, rows } = tensor;
    const shape = tensor.shape ?? (rows === 0 ? [columns] : [columns, rows]);
    out.string(tensor.name);
    out.u32(shape.length);
    for (const size of shape) out.u64(size);
    out.u32(format.id);
    out.u64(offset);
    offset += pad(bytesOf(tensor));
  }
  return out.done();
}

function encodeValue(out: Bytes, value: GgufValue): void {
  if ("u32" in value) {
    out.u32(4);
    out.u32(value.u32);
  } else if ("i32" in value) {
    out.u32(5);
    out.i32(value.i32);
  } else if ("f32" in value) {
    out.u32(6);
    out.f32(value.f32);
  } else if ("bool" in value) {
    out.u32(7);
    out.raw(Uint8Array.of(value.bool ? 1 : 0));
  } else if ("string" in value) {
    out.u32(8);
    out.string(value.string);
  } else if ("strings" in value) {
    encodeArray(out, 8, value.strings, (element) => out.string(element));
  } else if ("f32s" in value) {
    encodeArray(out, 6, value.f32s, (element) => out.f32(element));
  } else {
    encodeArray(out, 5, value.i32s, (element) => out.i32(element));
  }
}

function encodeArray<T>(
  out: Bytes,
  type: number,
  values: readonly T[],
  encode: (value: T) => void,
): void {
  out.u32(9);
  out.u32(type);
  out.u64(values.length);
  for (const value of values) encode(value);
}

function bytesOf({ type, columns, rows }: GgufTensor): number {
  return FORMATS[type].rowBytes(columns) * Math.max(1, rows);
}

function encodeTensor(tensor: GgufTensor): Uint8Array<ArrayBuffer> {
  const format = FORMATS[tensor.type];
  const rows = Math.max(1, tensor.rows);
  const rowBytes = format.rowBytes(tensor.columns);
  const data = new Uint8Array(bytesOf(tensor));
  const values = new Float32Array(tensor.columns);
  for (let row = 0; row < rows; row++) {
    values.fill(0);
    tensor.fill(row, values);
    format.encode(values, new DataView(data.buffer, row * rowBytes, rowBytes));
  }
  return data;
}

/** Blocks of 32: a half-precision scale and 32 signed bytes. */
function encodeQ8(values: Float32Array, out: DataView): void {
  for (let block = 0; block < blocks(values.length); block++) {
    const from = values.subarray(block * BLOCK, (block + 1) * BLOCK);
    const scale = from.reduce((max, value) => Math.max(max, Math.abs(value)), 0) / 127;
    out.setFloat16(34 * block, scale, true);
    for (const [at, value] of from.entries()) {
      out.setInt8(34 * block + 2 + at, scale === 0 ? 0 : Math.round(value / scale));
    }
  }
}

/** Blocks of 32: a half-precision scale and 32 nibbles from 0 to 15, of which 8 means zero. */
function encodeQ4(values: Float32Array, out: DataView): void {
  for (let block = 0; block < blocks(values.length); block++) {
    const from = values.subarray(block * BLOCK, (block + 1) * BLOCK);
    // The value furthest from zero becomes -8: the range is -8 to 7.
    const furthest = from.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
    const scale = furthest / -8;
    out.setFloat16(18 * block, scale, true);
    const nibble = (at: number) =>
      scale === 0 ? 8 : Math.min(15, Math.max(0, Math.round((from[at] ?? 0) / scale) + 8));
    for (let at = 0; at < BLOCK / 2; at++) {
      out.setUint8(18 * block + 2 + at, nibble(at) | (nibble(at + BLOCK / 2) << 4));
    }
  }
}

function blocks(columns: number): number {
  if (columns % BLOCK !== 0) {
    throw new RangeError(
      `Cannot quantize a row as its length must be a multiple of ${BLOCK}: current value is ${columns}`,
    );
  }
  return columns / BLOCK;
}

function pad(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

function padded(data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (data.length === pad(data.length)) return data;
  const whole = new Uint8Array(pad(data.length));
  whole.set(data);
  return whole;
}

function writeAll(file: Deno.FsFile, data: Uint8Array<ArrayBuffer>): void {
  for (let at = 0; at < data.length;) at += file.writeSync(data.subarray(at));
}

/** A growing buffer of little-endian values. */
class Bytes {
  #view = new DataView(new ArrayBuffer(64 * 1024));
  #length = 0;

  u32(value: number): void {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
  }

  i32(value: number): void {
    const at = this.#grow(4);
    this.#view.setInt32(at, value, true);
  }

  f32(value: number): void {
    const at = this.#grow(4);
    this.#view.setFloat32(at, value, true);
  }

  u64(value: number): void {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, BigInt(value), true);
  }

  string(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.u64(bytes.length);
    this.raw(bytes);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length);
    new Uint8Array(this.#view.buffer).set(bytes, at);
  }

  done(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#view.buffer, 0, this.#length);
  }

  #grow(bytes: number): number {
    const at = this.#length;
    this.#length += bytes;
    if (this.#length > this.#view.byteLength) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(new Uint8Array(this.#view.buffer, 0, at));
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}
