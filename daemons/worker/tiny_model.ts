/**
 * A model of zeros, about 20 KB as GGUF, which makes llama.cpp run the same code as for a real one.
 * Its vocabulary has the special tokens, the bytes and one letter.
 *
 * @module
 */

const WIDTH = 32;
const BYTE_TOKENS = Array.from(
  { length: 256 },
  (_, value) => `<0x${value.toString(16).toUpperCase().padStart(2, "0")}>`,
);
const TOKENS = ["<unk>", "<s>", "</s>", ...BYTE_TOKENS, "▁", "a"];
/** GGUF's token types: unknown, two control tokens, bytes, then normal ones. */
const KINDS = [2, 3, 3, ...BYTE_TOKENS.map(() => 6), 1, 1];

/** Numbers of value types in GGUF, version 3. */
const TYPE = { u32: 4, i32: 5, f32: 6, string: 8, array: 9 } as const;

type Value =
  | readonly ["u32" | "f32", number]
  | readonly ["string", string]
  | readonly ["strings", readonly string[]]
  | readonly ["i32s" | "f32s", readonly number[]];

const METADATA: Readonly<Record<string, Value>> = {
  "general.architecture": ["string", "llama"],
  "llama.vocab_size": ["u32", TOKENS.length],
  "llama.context_length": ["u32", 64],
  "llama.embedding_length": ["u32", WIDTH],
  "llama.block_count": ["u32", 1],
  "llama.feed_forward_length": ["u32", WIDTH],
  "llama.attention.head_count": ["u32", 1],
  "llama.attention.head_count_kv": ["u32", 1],
  "llama.attention.layer_norm_rms_epsilon": ["f32", 1e-5],
  "llama.rope.dimension_count": ["u32", WIDTH],
  "tokenizer.ggml.model": ["string", "llama"],
  "tokenizer.ggml.tokens": ["strings", TOKENS],
  "tokenizer.ggml.scores": ["f32s", TOKENS.map(() => 0)],
  "tokenizer.ggml.token_type": ["i32s", KINDS],
  "tokenizer.ggml.bos_token_id": ["u32", 1],
  "tokenizer.ggml.eos_token_id": ["u32", 2],
};

/** Names and numbers of values in each direction; all of 16-bit floats but the one-dimensional. */
const TENSORS: readonly (readonly [string, ...number[]])[] = [
  ["token_embd", WIDTH, TOKENS.length],
  ...["attn_norm", "ffn_norm"].map((name) => [`blk.0.${name}`, WIDTH] as const),
  ...["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
    .map((name) => [`blk.0.${name}`, WIDTH, WIDTH] as const),
  ["output_norm", WIDTH],
  ["output", WIDTH, TOKENS.length],
];

const ALIGNMENT = 32;

/** The bytes of the file. */
export function tinyModel(): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const number = (size: 4 | 8, set: (view: DataView) => void) => {
    const view = new DataView(new ArrayBuffer(size));
    set(view);
    parts.push(new Uint8Array(view.buffer));
  };
  const u32 = (value: number) => number(4, (view) => view.setUint32(0, value, true));
  const f32 = (value: number) => number(4, (view) => view.setFloat32(0, value, true));
  const u64 = (value: number) => number(8, (view) => view.setBigUint64(0, BigInt(value), true));
  const string = (text: string) => {
    const bytes = new TextEncoder().encode(text);
    u64(bytes.length);
    parts.push(bytes);
  };
  const array = (type: keyof typeof TYPE, length: number) => {
    u32(TYPE.array);
    u32(TYPE[type]);
    u64(length);
  };

  parts.push(new TextEncoder().encode("GGUF"));
  u32(3);
  u64(TENSORS.length);
  u64(Object.keys(METADATA).length);
  for (const [key, [type, value]] of Object.entries(METADATA)) {
    string(key);
    if (type === "strings") {
      array("string", value.length);
      value.forEach(string);
    } else if (type === "f32s" || type === "i32s") {
      array(type === "f32s" ? "f32" : "i32", value.length);
      value.forEach(type === "f32s" ? f32 : u32);
    } else {
      u32(TYPE[type]);
      if (type === "string") string(value);
      else if (type === "f32") f32(value);
      else if (type === "u32") u32(value);
    }
  }
  let offset = 0;
  for (const [name, ...shape] of TENSORS) {
    const isMatrix = shape.length > 1;
    string(`${name}.weight`);
    u32(shape.length);
    shape.forEach(u64);
    u32(isMatrix ? 1 : 0);
    u64(offset);
    const bytes = shape.reduce((product, size) => product * size, isMatrix ? 2 : 4);
    offset += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
  }
  const header = parts.reduce((sum, part) => sum + part.length, 0);
  const file = new Uint8Array(Math.ceil(header / ALIGNMENT) * ALIGNMENT + offset);
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}
