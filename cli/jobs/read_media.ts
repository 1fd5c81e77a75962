import { type AudioPart, imageAt, type ImagePart } from "#shared/contracts/images.ts";
import { errorMessage } from "#shared/errors.ts";
import { readImageHeader } from "#shared/images/header.ts";
import { NO_SOUND, soundFormat } from "#shared/images/sound_format.ts";
import { UsageError } from "#shared/lifecycle.ts";

/**
 * The image in a file.
 *
 * @throws {UsageError} if the file cannot be read, or is no image
 */
export async function readImage(path: string): Promise<ImagePart> {
  const bytes = await read("--image", path);
  const header = readImageHeader(bytes);
  if ("reason" in header) throw new UsageError(`--image: ${path} ${header.reason}`);
  return imageAt(`data:image/${header.format};base64,${bytes.toBase64()}`);
}

/**
 * The sound in a file.
 *
 * @throws {UsageError} if the file cannot be read, or is no sound
 */
export async function readSound(path: string): Promise<AudioPart> {
  const bytes = await read("--audio", path);
  const format = soundFormat(bytes);
  if (!format) throw new UsageError(`--audio: ${path} ${NO_SOUND}`);
  return { type: "input_audio", input_audio: { data: bytes.toBase64(), format } };
}

async function read(flag: string, path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    throw new UsageError(`${flag}: cannot read ${path}: ${errorMessage(error)}`);
  }
}
