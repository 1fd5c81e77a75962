import type { Hash } from "node:crypto";
import { errorMessage, LlorchError } from "../errors.ts";
import { ByteReader } from "./_byte_reader.ts";
import { TENSOR_FORMATS } from "./ggml_types.ts";

/**
 * A metadata value. Of long texts, long arrays of numbers and arrays of texts only the length is
 * kept, so that memory is bounded.
 */
export type MetadataValue =
  | number
  | boolean
  | string
  | readonly number[]
  | { readonly length: number };

/** The header of one GGUF file. */
export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  readonly tensorCount: number;
  /** Bytes of each tensor by its name; 0 for a format that is not known. */
  readonly tensors: ReadonlyMap<string, number>;
  /** Numbers in all tensors. */
  readonly parameters: number;
  /** From the file's first byte to the end of the tensor table. */
  readonly headerBytes: number;
  /** From the start of the tensor data to the file's end. */
  readonly dataBytes: number;
  readonly sizeBytes: number;
}

/** Largest header that is read, in bytes; the largest tokenizers make about 30 MB. */
const MAX_HEADER = 256 * 1024 * 1024;
const MAX_KEYS = 4096;
const MAX_KEY_BYTES = 1024;
const MAX_TENSORS = 1_000_000;
const MAX_DIMENSIONS = 4;
/** Of longer texts only the length is kept. */
const MAX_TEXT_BYTES = 4096;
/** The same for chat templates, of which some have 20 KB. */
const MAX_TEMPLATE_BYTES = 64 * 1024;
/** Key of a model's chat template. */
export const TEMPLATE_KEY = "tokenizer.chat_template";
/** Of longer arrays only the length is kept; figures for each layer are far shorter. */
const MAX_NUMBERS = 4096;
const DEFAULT_ALIGNMENT = 32;
/** Fewest bytes of a key with its value, and of a row of the tensor table. */
const MIN_KEY_BYTES = 13;
const MIN_TENSOR_BYTES = 24;

const STRING = 8;
const ARRAY = 9;

/** Types of fixed size: their size in bytes and how to read them, by their number in GGUF. */
const FIXED: ReadonlyMap<
  number,
  readonly [bytes: number, read: (reader: ByteReader) => Promise<number | boolean>]
> = new Map([
  [0, [1, (reader: ByteReader) => reader.u8()]],
  [1, [1, (reader: ByteReader) => reader.i8()]],
  [2, [2, (reader: ByteReader) => reader.u16()]],
  [3, [2, (reader: ByteReader) => reader.i16()]],
  [4, [4, (reader: ByteReader) => reader.u32()]],
  [5, [4, (reader: ByteReader) => reader.i32()]],
  [6, [4, (reader: ByteReader) => reader.f32()]],
  [7, [1, async (reader: ByteReader) => (await reader.u8()) !== 0]],
  [10, [8, (reader: ByteReader) => reader.u64()]],
  [11, [8, (reader: ByteReader) => reader.i64()]],
  [12, [8, (reader: ByteReader) => reader.f64()]],
]);

/** The error for a model file that cannot be used. */
export function unreadableModel(path: string, reason: string, cause?: unknown): LlorchError {
  return new LlorchError(
    "INVALID_REQUEST",
    `Cannot read model ${JSON.stringify(path)}: ${reason}`,
    { cause },
  );
}

/**
 * Reads the header (metadata and tensor table) of a GGUF file, v2 or v3, little-endian, and feeds
 * it to `hash`, followed by the file's size as 8 bytes.
 *
 * It reads no tensor data, but checks that the file is long enough for it. Memory is bounded
 * whatever the file contains. `@huggingface/gguf` is not used, since it fills missing bytes with
 * zeros and so accepts a file that ends within its header.
 *
 * @throws {LlorchError} `MODEL_NOT_FOUND` if there is no file, otherwise `INVALID_REQUEST`.
 */
export async function readGgufHeader(
  path: string,
  hash: Hash,
): Promise<GgufHeader> {
  try {
    // Opening a pipe would wait for its writer, so its kind is checked first.
    if (!(await Deno.stat(path)).isFile) throw unreadableModel(path, "it is not a file");
    using file = await Deno.open(path);
    const { size } = await file.stat();
    const header = await parse(path, file, size, hash);
    const sizeBytes = new DataView(new ArrayBuffer(8));
    sizeBytes.setBigUint64(0, BigInt(size), true);
    hash.update(sizeBytes);
    return header;
  } catch (error) {
    if (error instanceof LlorchError) throw error;
    if (error instanceof Deno.errors.NotFound) {
      throw new LlorchError("MODEL_NOT_FOUND", `Cannot find model file ${JSON.stringify(path)}`, {
        cause: error,
      });
    }
    throw unreadableModel(path, errorMessage(error), error);
  }
}

async function parse(
  path: string,
  file: Deno.FsFile,
  size: number,
  hash: Hash,
): Promise<GgufHeader> {
  const fail = (reason: string): never => {
    throw unreadableModel(path, reason);
  };
  const reader = new ByteReader(file, hash, Math.min(size, MAX_HEADER), fail);
  if (size < 4 || (await reader.text(4)) !== "GGUF") fail("it is not a GGUF file");
  const version = await reader.u32();
  if (version !== 0 && (version & 0xffff) === 0) fail("big-endian GGUF files are not supported");
  if (version !== 2 && version !== 3) fail(`GGUF version ${version} is not supported`);
  const tensorCount = await reader.u64();
  const keyCount = await reader.u64();
  if (tensorCount > Math.min(MAX_TENSORS, reader.remaining / MIN_TENSOR_BYTES)) {
    fail(`it is corrupt: it claims ${tensorCount} tensors`);
  }
  if (keyCount > Math.min(MAX_KEYS, reader.remaining / MIN_KEY_BYTES)) {
    fail(`it is corrupt: it claims ${keyCount} metadata keys`);
  }

  const metadata = new Map<string, MetadataValue>();
  for (let index = 0; index < keyCount; index++) {
    const key = await readName(reader, fail);
    if (metadata.has(key)) fail(`it is corrupt: the key ${JSON.stringify(key)} occurs twice`);
    metadata.set(key, await readValue(reader, key, fail));
  }
  let dataNeeded = 0;
  let parameters = 0;
  const tensors = new Map<string, number>();
  for (let index = 0; index < tensorCount; index++) {
    const { name, end, bytes, values } = await readTensor(reader, fail);
    tensors.set(name, bytes);
    dataNeeded = Math.max(dataNeeded, end);
    parameters += values;
  }
  reader.finish();

  const alignment = metadata.get("general.alignment") ?? DEFAULT_ALIGNMENT;
  if (typeof alignment !== "number" || !Number.isInteger(alignment) || alignment < 1) {
    return fail(`it is corrupt: its alignment is ${JSON.stringify(alignment)}`);
  }
  const headerBytes = reader.position;
  const dataBytes = Math.max(0, size - Math.ceil(headerBytes / alignment) * alignment);
  if (dataNeeded > dataBytes) {
    fail(
      `it is truncated: its tensors need ${dataNeeded} bytes of data, it has ${dataBytes}; download it again`,
    );
  }
  return { metadata, tensorCount, tensors, parameters, headerBytes, dataBytes, sizeBytes: size };
}

async function readName(reader: ByteReader, fail: (reason: string) => never): Promise<string> {
  const bytes = await reader.u64();
  if (bytes > MAX_KEY_BYTES) fail(`it is corrupt: a name in its header has ${bytes} bytes`);
  return await reader.text(bytes);
}

async function readValue(
  reader: ByteReader,
  key: string,
  fail: (reason: string) => never,
): Promise<MetadataValue> {
  const type = await reader.u32();
  const fixed = FIXED.get(type);
  if (fixed) return await fixed[1](reader);
  if (type === STRING) {
    return await readText(reader, key === TEMPLATE_KEY ? MAX_TEMPLATE_BYTES : MAX_TEXT_BYTES);
  }
  if (type !== ARRAY) return fail(`it is corrupt: ${JSON.stringify(key)} has type ${type}`);

  const elementType = await reader.u32();
  const length = await reader.u64();
  if (elementType === STRING) {
    if (length > reader.remaining / 8) {
      fail(`it is corrupt: ${JSON.stringify(key)} claims ${length} texts`);
    }
    await reader.skipTexts(length);
    return { length };
  }
  const element = FIXED.get(elementType);
  if (!element) return fail(`it is corrupt: ${JSON.stringify(key)} holds type ${elementType}`);
  const [bytes, read] = element;
  if (length > MAX_NUMBERS) {
    await reader.skip(length * bytes);
    return { length };
  }
  const numbers: number[] = [];
  for (let index = 0; index < length; index++) numbers.push(Number(await read(reader)));
  return numbers;
}

async function readText(reader: ByteReader, maxBytes: number): Promise<MetadataValue> {
  const length = await reader.u64();
  if (length <= maxBytes) return await reader.text(length);
  await reader.skip(length);
  return { length };
}

/** Reads a row of the tensor table: its data's end, as an offset in the data section, its bytes and numbers. */
async function readTensor(
  reader: ByteReader,
  fail: (reason: string) => never,
): Promise<{ name: string; end: number; bytes: number; values: number }> {
  const name = await readName(reader, fail);
  const dimensions = await reader.u32();
  if (dimensions > MAX_DIMENSIONS) {
    fail(`it is corrupt: the tensor ${JSON.stringify(name)} has ${dimensions} dimensions`);
  }
  let values = 1;
  for (let index = 0; index < dimensions; index++) values *= await reader.u64();
  const format = TENSOR_FORMATS.get(await reader.u32());
  const offset = await reader.u64();
  // For a format that is newer than this table, only the start of its data is known.
  const bytes = format ? Math.ceil(values / format.values) * format.bytes : 0;
  return { name, end: offset + bytes, bytes, values };
}
