import createDecoder from "@jsquash/webp/codec/dec/webp_dec.js";
import wasm from "@jsquash/webp/codec/dec/webp_dec.wasm" with { type: "bytes" };
import { readImageHeader } from "#shared/images/header.ts";
import { BadMedia, type Pixels } from "./pixels.ts";

const PAGE_BYTES = 64 * 1024;
/** Memory of the decoder itself, in bytes. */
const OWN_BYTES = 32 * 1024 ** 2;
/** Most memory of one picture for each of its pixels, in bytes: colors, and what a lossless one refers back to. */
const BYTES_OF_PIXEL = 24;

/**
 * Decodes a WebP file, lossy or lossless, without transparency. libwebp does it, compiled to WebAssembly: its memory
 * is its own, and bounded. Each picture gets a new one, so that none has what another has left.
 *
 * @param mostPixels Pixels that it may have; its memory is bounded by them.
 * @throws {BadMedia} also for an animation, which has no picture of its own
 */
export async function decodeWebp(file: Uint8Array, mostPixels: number): Promise<Pixels> {
  for (const { width, height } of sizesIn(file)) {
    if (width * height > mostPixels) {
      throw new BadMedia(`has ${width} × ${height} pixels: at most ${mostPixels} are allowed`);
    }
  }
  const decoder = await createDecoder({
    noInitialRun: true,
    instantiateWasm(imports: WebAssembly.Imports, done: (made: WebAssembly.Instance) => void) {
      const instance = new WebAssembly.Instance(compiled(), imports);
      bound(instance, OWN_BYTES + BYTES_OF_PIXEL * mostPixels);
      done(instance);
      return instance.exports;
    },
  });
  let image: ImageData | null;
  try {
    image = decoder.decode(file);
  } catch {
    throw damaged("it takes more memory than its pixels");
  }
  if (!image) throw damaged(isAnimated(file) ? "it is an animation" : "it cannot be decoded");
  const { width, height, data } = image;
  const rgb = new Uint8Array(3 * width * height);
  for (let pixel = 0; pixel < width * height; pixel++) {
    rgb[3 * pixel] = data[4 * pixel]!;
    rgb[3 * pixel + 1] = data[4 * pixel + 1]!;
    rgb[3 * pixel + 2] = data[4 * pixel + 2]!;
  }
  return { width, height, rgb };
}

let module: WebAssembly.Module | undefined;

function compiled(): WebAssembly.Module {
  return module ??= new WebAssembly.Module(wasm);
}

/** Lets the memory of an instance grow to so many bytes. */
function bound(instance: WebAssembly.Instance, most: number): void {
  for (const memory of Object.values(instance.exports)) {
    if (!(memory instanceof WebAssembly.Memory)) continue;
    const grow = memory.grow.bind(memory);
    memory.grow = (pages) => {
      if (memory.buffer.byteLength + pages * PAGE_BYTES > most) throw new RangeError("too large");
      return grow(pages);
    };
  }
}

/** What the file says of its size, and what the picture in it says, which may be another. */
function* sizesIn(file: Uint8Array) {
  const whole = readImageHeader(file);
  if ("reason" in whole) throw new BadMedia(whole.reason);
  yield whole;
  for (const { kind, start, end } of chunksIn(file)) {
    if (kind !== "VP8 " && kind !== "VP8L") continue;
    const alone = new Uint8Array(12 + end - start);
    alone.set(file.subarray(0, 12));
    alone.set(file.subarray(start, end), 12);
    const own = readImageHeader(alone);
    if (!("reason" in own)) yield own;
  }
}

function isAnimated(file: Uint8Array): boolean {
  return chunksIn(file).some(({ kind }) => kind === "ANIM" || kind === "ANMF");
}

function chunksIn(file: Uint8Array) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const chunks: { readonly kind: string; readonly start: number; readonly end: number }[] = [];
  for (let at = 12; at + 8 <= file.length;) {
    const bytes = view.getUint32(at + 4, true);
    const kind = String.fromCharCode(...file.subarray(at, at + 4));
    chunks.push({ kind, start: at, end: Math.min(file.length, at + 8 + bytes) });
    at += 8 + bytes + bytes % 2;
  }
  return chunks;
}

function damaged(reason: string): BadMedia {
  return new BadMedia(`is a WebP file that cannot be read: ${reason}`);
}
