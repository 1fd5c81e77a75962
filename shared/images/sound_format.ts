/** The formats of sound that are read. As MIME type: `audio/` and this. */
export type SoundFormat = "wav" | "mp3";

/** Why a sound of no such format is refused, as the end of a sentence about its field. */
export const NO_SOUND = "is not a WAV or MP3 file";

/** Layer III, as the header of a frame has it. */
const LAYER_3 = 1;

/**
 * The format of a sound, by its first bytes.
 *
 * @returns undefined for others
 */
export function soundFormat(bytes: Uint8Array): SoundFormat | undefined {
  const text = String.fromCharCode(...bytes.subarray(0, 12));
  if (/^RIFF....WAVE/s.test(text)) return "wav";
  return text.startsWith("ID3") || isFrame(bytes) ? "mp3" : undefined;
}

/** Whether bytes begin as a frame of MP3 does, with values that one has. */
function isFrame([sync = 0, kind = 0, rates = 0]: Uint8Array): boolean {
  if (sync !== 0xff || kind >> 5 !== 7) return false;
  const [version, layer, bits, rate] = [kind >> 3 & 3, kind >> 1 & 3, rates >> 4, rates >> 2 & 3];
  return version !== 1 && layer === LAYER_3 && bits !== 15 && rate !== 3;
}
