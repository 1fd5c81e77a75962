import { soundFormat } from "#shared/images/sound_format.ts";
import { BadMedia } from "./pixels.ts";
import { Resampler } from "./resampler.ts";
import type { SoundBounds } from "./sound_bounds.ts";

/** How numbers are stored. */
const [WHOLE, FLOAT, EXTENSIBLE] = [1, 3, 0xfffe];
/** Rates that sound has in files. */
const [SLOWEST, FASTEST] = [1_000, 384_000];
/** Programs that write while they record say a length from here on, as they do not know it yet. */
const OPEN = 0x7f000000;
/** Frames that are read at once. */
const FRAMES = 1 << 16;

/**
 * Decodes a WAV file to one channel, as llama-server does. Only the filter for another rate is a different one.
 *
 * @returns samples from -1 to 1
 * @throws {BadMedia}
 */
export function decodeWav(
  file: Uint8Array,
  { rate, mostSeconds }: SoundBounds,
): Float32Array<ArrayBuffer> {
  const { format, data } = readChunks(file);
  const { channels, own, bytes } = format;
  const frames = Math.floor(data.length / (channels * bytes));
  if (frames === 0) throw damaged("it has no sound");
  if (frames > mostSeconds * own) {
    const seconds = Math.ceil(frames / own);
    throw new BadMedia(`is ${seconds} s long: at most ${mostSeconds} s are allowed`);
  }
  const read = reader(new DataView(data.buffer, data.byteOffset, data.byteLength), format);
  const resampler = new Resampler(own, rate);
  for (let from = 0; from < frames; from += FRAMES) {
    const samples = new Float32Array(Math.min(FRAMES, frames - from));
    for (let at = 0; at < samples.length; at++) {
      let sum = 0;
      for (let channel = 0; channel < channels; channel++) {
        sum += read((from + at) * channels + channel);
      }
      samples[at] = sum / channels;
    }
    resampler.push(samples);
  }
  return resampler.end();
}

interface Format {
  readonly kind: number;
  readonly channels: number;
  /** Samples of a second. */
  readonly own: number;
  /** Bytes of a sample. */
  readonly bytes: number;
}

function readChunks(file: Uint8Array): { readonly format: Format; readonly data: Uint8Array } {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const text = (at: number) => String.fromCharCode(...file.subarray(at, at + 4));
  if (soundFormat(file) !== "wav") throw new BadMedia("is not a WAV file");
  let format: Format | undefined;
  for (let at = 12; at + 8 <= file.length;) {
    const length = view.getUint32(at + 4, true);
    const content = file.subarray(at + 8, at + 8 + length);
    if (text(at) === "fmt ") format = readFormat(content);
    if (text(at) === "data") {
      if (!format) throw damaged("its format does not come before its sound");
      if (content.length < length && length < OPEN) throw damaged("it ends early");
      return { format, data: content };
    }
    at += 8 + length + length % 2;
  }
  throw damaged("it has no sound");
}

function readFormat(content: Uint8Array): Format {
  if (content.length < 16) throw damaged("its format is cut");
  const view = new DataView(content.buffer, content.byteOffset, content.byteLength);
  const said = view.getUint16(0, true);
  const kind = said === EXTENSIBLE && content.length >= 26 ? view.getUint16(24, true) : said;
  const [channels, own] = [view.getUint16(2, true), view.getUint32(4, true)];
  const bytes = view.getUint16(14, true) / 8;
  const isKnown = kind === WHOLE ? [1, 2, 3, 4].includes(bytes) : [4, 8].includes(bytes);
  if (kind !== WHOLE && kind !== FLOAT || !isKnown) {
    throw new BadMedia("is a WAV file whose sound is compressed: send PCM");
  }
  if (channels === 0 || channels > 32 || own < SLOWEST || own > FASTEST) {
    throw damaged("its format has values that no sound has");
  }
  return { kind, channels, own, bytes };
}

/** Reads a sample by its index. */
function reader(view: DataView, { kind, bytes }: Format): (index: number) => number {
  if (kind === FLOAT) {
    const read = bytes === 4 ? view.getFloat32.bind(view) : view.getFloat64.bind(view);
    return (index) => {
      const value = read(index * bytes, true);
      return Number.isFinite(value) ? value : 0;
    };
  }
  switch (bytes) {
    case 1:
      return (index) => view.getUint8(index) / 127.5 - 1;
    case 2:
      return (index) => view.getInt16(index * 2, true) / 2 ** 15;
    case 3:
      return (index) =>
        (view.getInt8(index * 3 + 2) << 16 | view.getUint16(index * 3, true)) / 2 ** 23;
    default:
      return (index) => view.getInt32(index * 4, true) / 2 ** 31;
  }
}

function damaged(reason: string): BadMedia {
  return new BadMedia(`is a damaged WAV file: ${reason}`);
}
