import { errorMessage } from "#shared/errors.ts";
import { readImageHeader } from "#shared/images/header.ts";
import { UsageError } from "#shared/lifecycle.ts";

/**
 * The image in a file, as a data: URL.
 *
 * @throws {UsageError} if the file cannot be read, or is no image
 */
export async function readImage(path: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await Deno.readFile(path);
  } catch (error) {
    throw new UsageError(`--image: cannot read ${path}: ${errorMessage(error)}`);
  }
  const header = readImageHeader(bytes);
  if ("reason" in header) throw new UsageError(`--image: ${path} ${header.reason}`);
  return `data:image/${header.format};base64,${bytes.toBase64()}`;
}
