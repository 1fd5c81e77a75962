import { Buffer } from "node:buffer";
import { type TranscriptionForm, transcriptionForm } from "#shared/contracts/mod.ts";
import { checked } from "#shared/config/field_errors.ts";
import { invalidRequest, LlorchError } from "#shared/errors.ts";
import { type FormPart, readField, readForm } from "#shared/http/multipart.ts";

/** Longest value of a plain field of the form, in bytes. */
const MAX_FIELD = 32 * 1024;

/** A form, and the bytes of its file. */
export interface AskedTranscription extends TranscriptionForm {
  readonly sound: Uint8Array;
}

/** How a form is read. */
export interface FormBounds {
  /** Most bytes of the file. */
  readonly maxBytes: number;
  /** A form of which nothing arrives for this long is given up, in ms. */
  readonly idleMs: number;
  /** Called with the length of each piece of the file; what it throws ends the reading. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * Reads the form of a transcription.
 *
 * @throws {LlorchError} `INVALID_REQUEST` that names the fields, `PAYLOAD_TOO_LARGE`,
 * `UNSUPPORTED_MEDIA_TYPE`, or what `onBytes` throws
 */
export async function readTranscriptionForm(
  request: Request,
  bounds: FormBounds,
): Promise<AskedTranscription> {
  const fields = new Map<string, string>();
  let sound: Uint8Array | undefined;
  for await (const part of readForm(request, { idleMs: bounds.idleMs })) {
    if (part.name === "file") {
      if (sound) throw invalidRequest([{ field: "file", message: "must be one file" }]);
      sound = await readFile(part, bounds);
    } else {
      // A list has [] behind its name, and comes once for each of its values.
      const field = part.name.replace(/\[\]$/, "");
      const refuse = (message: string) => invalidRequest([{ field, message }]);
      if (part.filename !== undefined) throw refuse("must be text, not a file");
      const value = await readField(part, MAX_FIELD);
      // Pages send the fields that nobody filled in, too.
      if (value === "") continue;
      if (field === part.name && fields.has(field)) throw refuse("must be given once");
      fields.set(field, value);
    }
  }
  if (!sound) throw invalidRequest([{ field: "file", message: "is missing" }]);
  const result = checked(transcriptionForm, { ...Object.fromEntries(fields), file: "" });
  if ("errors" in result) throw invalidRequest(result.errors);
  return { ...result.data, sound };
}

async function readFile(
  { content }: FormPart,
  { maxBytes, onBytes }: FormBounds,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of content) {
    bytes += piece.byteLength;
    if (bytes > maxBytes) {
      throw new LlorchError(
        "PAYLOAD_TOO_LARGE",
        `Cannot accept a file of more than ${maxBytes} bytes`,
      );
    }
    onBytes?.(piece.byteLength);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
