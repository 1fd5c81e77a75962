import { MPEGDecoder } from "mpg123-decoder";
import { BadMedia } from "./pixels.ts";
import { Resampler } from "./resampler.ts";
import type { SoundBounds } from "./sound_bounds.ts";

/** What libmpg123 answers when it has read all that it was given, and when another kind of sound begins. */
const [NEEDS_MORE, NEW_FORMAT] = [-10, -11];
/** Bytes after which libmpg123 gives up to look for a frame, again and again, in a file that goes on. */
const BYTES_OF_GAP = 256;
/** Gaps that even a short file may have. */
const FEWEST_GAPS = 64;

/** An array in the memory of the decoder, whose size is fixed. */
interface Area<T> {
  readonly ptr: number;
  readonly len: number;
  readonly buf: T;
}

/** The parts of a decoder. Its own loop does not end where libmpg123 gives the same error again and again. */
interface Parts {
  readonly _common: {
    readonly wasm: {
      mpeg_decoder_feed(decoder: number, input: number, bytes: number): number;
      mpeg_decoder_read(
        ...args: [
          decoder: number,
          output: number,
          size: number,
          count: number,
          rate: number,
          error: number,
        ]
      ): number;
    };
  };
  readonly _decoder: number;
  readonly _input: Area<Uint8Array>;
  readonly _output: Area<Float32Array>;
  readonly _samplesDecodedPtr: Area<Uint32Array>;
  readonly _sampleRatePtr: Area<Uint32Array>;
  readonly _errorStringPtr: Area<Uint32Array>;
}

/**
 * Decodes an MP3 file to one channel. libmpg123 does it, compiled to WebAssembly: its memory is its own, 16 MiB
 * that do not grow. Each file gets a new one. What is broken between frames is passed over, as players do.
 *
 * @returns samples, mostly from -1 to 1
 * @throws {BadMedia} as soon as it is longer than it may be
 */
export async function decodeMp3(
  file: Uint8Array,
  { rate, mostSeconds }: SoundBounds,
): Promise<Float32Array<ArrayBuffer>> {
  const decoder = new MPEGDecoder();
  await decoder.ready;
  let resampler: Resampler | undefined;
  let [own, count] = [0, 0];
  for (const part of soundIn(withoutTags(file), decoder as unknown as Parts)) {
    if (resampler && part.rate !== own) throw damaged("its rate changes");
    own = part.rate;
    count += part.samples.length;
    if (count > mostSeconds * own) {
      throw new BadMedia(`is longer than ${mostSeconds} s, the most that is allowed`);
    }
    (resampler ??= new Resampler(own, rate)).push(part.samples);
  }
  if (!resampler) throw damaged("it has no sound");
  return resampler.end();
}

/** The sound of a file in parts, mixed to one channel. */
function* soundIn(
  file: Uint8Array,
  { _common: { wasm }, _decoder, _input, _output, _samplesDecodedPtr, _sampleRatePtr, ...rest }:
    Parts,
): Generator<{ readonly rate: number; readonly samples: Float32Array }> {
  let rate = 0;
  let gaps = FEWEST_GAPS + file.length / BYTES_OF_GAP;
  for (let at = 0; at < file.length; at += _input.len) {
    const piece = file.subarray(at, at + _input.len);
    _input.buf.set(piece);
    let code = wasm.mpeg_decoder_feed(_decoder, _input.ptr, piece.length);
    while (code !== NEEDS_MORE) {
      _samplesDecodedPtr.buf[0] = 0;
      code = wasm.mpeg_decoder_read(
        ...[_decoder, _output.ptr, _output.len] as const,
        ...[_samplesDecodedPtr.ptr, _sampleRatePtr.ptr, rest._errorStringPtr.ptr] as const,
      );
      const [count, said] = [_samplesDecodedPtr.buf[0]!, _sampleRatePtr.buf[0]!];
      // Samples that come with the news of another format are still of the one before.
      rate ||= said;
      if (count > 0) {
        const [left, right] = [_output.buf.subarray(0, count), _output.buf.subarray(count)];
        yield { rate, samples: left.map((value, at) => finite((value + right[at]!) / 2)) };
      }
      if (code === NEW_FORMAT) rate = said;
      const isGap = code !== 0 && code !== NEW_FORMAT;
      if (code !== NEEDS_MORE && (isGap || count === 0) && --gaps < 0) {
        throw damaged("it is more gaps than sound");
      }
    }
  }
}

/** The file without the tags before its sound, which may be large: pictures of covers. */
function withoutTags(file: Uint8Array): Uint8Array {
  let at = 0;
  while (at + 10 <= file.length && String.fromCharCode(...file.subarray(at, at + 3)) === "ID3") {
    const size = file.subarray(at + 6, at + 10).reduce((sum, byte) => sum << 7 | byte & 127, 0);
    const hasFooter = (file[at + 5]! & 0x10) !== 0;
    at += 10 + size + (hasFooter ? 10 : 0);
  }
  return file.subarray(at);
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}

function damaged(reason: string): BadMedia {
  return new BadMedia(`is a damaged MP3 file: ${reason}`);
}
