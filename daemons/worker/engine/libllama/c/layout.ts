/** Types of fields, as Deno's FFI names them. */
export type FieldType =
  | "u8"
  | "bool"
  | "i32"
  | "u32"
  | "f32"
  | "i64"
  | "u64"
  | "f64"
  | "usize"
  | "pointer";

/** Where the fields of a structure lie. */
export interface Layout<Name extends string = string> {
  /** Bytes of the whole, with what pads its end. */
  readonly size: number;
  /** Bytes before each field. */
  readonly offsets: Readonly<Record<Name, number>>;
}

/** Bytes of each type, on the 64-bit systems that llama.cpp is built for. Each aligns to its own size. */
const SIZES: Readonly<Record<FieldType, number>> = {
  u8: 1,
  bool: 1,
  i32: 4,
  u32: 4,
  f32: 4,
  i64: 8,
  u64: 8,
  f64: 8,
  usize: 8,
  pointer: 8,
};

/** Lays out a structure as C does: every field at a multiple of its size, in the order of `fields`. */
export function layoutOf<const Fields extends Readonly<Record<string, FieldType>>>(
  fields: Fields,
): Layout<keyof Fields & string> {
  const offsets: Record<string, number> = {};
  let end = 0;
  let alignment = 1;
  for (const [name, type] of Object.entries(fields)) {
    const size = SIZES[type];
    offsets[name] = aligned(end, size);
    end = offsets[name] + size;
    alignment = Math.max(alignment, size);
  }
  return {
    size: aligned(end, alignment),
    offsets: offsets as Record<keyof Fields & string, number>,
  };
}

function aligned(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment;
}
