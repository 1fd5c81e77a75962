import { NO_SOUND, soundFormat } from "#shared/images/sound_format.ts";
import { decodeMp3 } from "./mp3.ts";
import { BadMedia } from "./pixels.ts";
import type { SoundBounds } from "./sound_bounds.ts";
import { decodeWav } from "./wav.ts";

/**
 * Decodes sound to one channel.
 *
 * @returns samples, mostly from -1 to 1
 * @throws {BadMedia}
 */
export async function decodeSound(
  file: Uint8Array,
  bounds: SoundBounds,
): Promise<Float32Array<ArrayBuffer>> {
  switch (soundFormat(file)) {
    case "wav":
      return decodeWav(file, bounds);
    case "mp3":
      return await decodeMp3(file, bounds);
    default:
      throw new BadMedia(NO_SOUND);
  }
}
