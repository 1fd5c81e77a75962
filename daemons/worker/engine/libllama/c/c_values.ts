/**
 * Values of C as JavaScript has them, and back.
 *
 * @module
 */
import type { FieldType, Layout } from "./layout.ts";

const encoder = new TextEncoder();

/** A text as C takes it. It lives as long as the array. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${text}\0`);
}

/** The text at a pointer; undefined for a null pointer. */
export function textAt(pointer: Deno.PointerValue): string | undefined {
  return pointer === null ? undefined : Deno.UnsafePointerView.getCString(pointer);
}

/** A pointer as a number, which can be sent to another thread; 0 for a null pointer. */
export function addressOf(pointer: Deno.PointerValue): number {
  return Number(Deno.UnsafePointer.value(pointer));
}

/** The address of a buffer's memory, which lives only as long as the buffer does. */
export function addressOfBuffer(
  buffer: Uint8Array | Int32Array | Float32Array | Int8Array | BigUint64Array,
): number {
  return addressOf(Deno.UnsafePointer.of(buffer as Uint8Array<ArrayBuffer>));
}

/** The pointer of an address; null for 0. */
export function pointerAt(address: number): Deno.PointerValue {
  return Deno.UnsafePointer.create(BigInt(address));
}

/** Writes a structure's fields in place; a boolean is written as 0 or 1. */
export function setFields<Name extends string>(
  struct: Uint8Array,
  fields: Readonly<Record<Name, FieldType>>,
  { offsets }: Layout<Name>,
  values: Partial<Record<Name, number | boolean>>,
): void {
  const view = new DataView(struct.buffer, struct.byteOffset, struct.byteLength);
  for (const [name, value] of Object.entries(values) as [Name, number | boolean][]) {
    const at = offsets[name];
    const number = Number(value);
    switch (fields[name]) {
      case "u8":
      case "bool":
        view.setUint8(at, number);
        break;
      case "i32":
        view.setInt32(at, number, true);
        break;
      case "u32":
        view.setUint32(at, number, true);
        break;
      case "f32":
        view.setFloat32(at, number, true);
        break;
      case "f64":
        view.setFloat64(at, number, true);
        break;
      case "i64":
        view.setBigInt64(at, BigInt(number), true);
        break;
      default:
        view.setBigUint64(at, BigInt(number), true);
    }
  }
}
