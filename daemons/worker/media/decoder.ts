/**
 * The thread that decodes pictures and sound. It has no permissions: files that people made are read here, and nothing
 * that they may cause reaches a file, the network or C.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { decodeImage } from "./decode.ts";
import { BadMedia, type Pixels } from "./pixels.ts";
import { decodeSound } from "./sound.ts";
import type { SoundBounds } from "./sound_bounds.ts";

/** A file to decode. */
export type DecodeOrder =
  | { readonly kind: "image"; readonly file: Uint8Array<ArrayBuffer>; readonly mostPixels: number }
  | {
    readonly kind: "sound";
    readonly file: Uint8Array<ArrayBuffer>;
    readonly bounds: SoundBounds;
  };

/** What a file has. */
export type Decoded =
  | { readonly pixels: Pixels }
  | { readonly samples: Float32Array<ArrayBuffer> };

/** What a file has, or why it cannot be read. */
export type DecodeReply = Decoded | { readonly reason: string };

self.onmessage = async ({ data: order }: MessageEvent<DecodeOrder>) => {
  try {
    if (order.kind === "image") {
      const pixels = await decodeImage(order.file, order.mostPixels);
      self.postMessage({ pixels } satisfies DecodeReply, [pixels.rgb.buffer]);
    } else {
      const samples = await decodeSound(order.file, order.bounds);
      self.postMessage({ samples } satisfies DecodeReply, [samples.buffer]);
    }
  } catch (error) {
    // Whatever else a file makes a decoder say is said of the file.
    const reason = error instanceof BadMedia ? error.message : "cannot be decoded";
    self.postMessage({ reason } satisfies DecodeReply);
  }
};
