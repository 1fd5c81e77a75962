import { type MediumPart, NO_AUDIO, NO_IMAGES } from "#shared/contracts/images.ts";
import type { Message, TextMessage } from "#shared/contracts/request.ts";
import { type FieldError, invalidRequest } from "#shared/errors.ts";
import { newMarker } from "../chat/media_markers.ts";
import type { Engine, EngineMedia, TakenMedium } from "../engine/engine.ts";
import { BadMedia } from "../media/pixels.ts";

/** Messages with a marker in the place of each picture and sound. */
export interface ReadMedia {
  readonly texts: readonly TextMessage[];
  /** Their tokens, by their markers. */
  readonly media: ReadonlyMap<string, readonly number[]>;
  /** Lets go of them; to be called once. */
  readonly release: () => void;
}

/**
 * Takes the pictures and sounds of messages.
 *
 * @throws {LlorchError} `INVALID_REQUEST` that names the parts that cannot be read
 */
export async function readMedia(
  messages: readonly Message[],
  { media: engine, blindness }: Pick<Engine, "media" | "blindness">,
): Promise<ReadMedia> {
  const taken: TakenMedium[] = [];
  const release = () => {
    for (const each of taken.splice(0)) each.release();
  };
  const media = new Map<string, readonly number[]>();
  const errors: FieldError[] = [];
  const texts: TextMessage[] = [];
  try {
    for (const [index, message] of messages.entries()) {
      const { content } = message;
      if (typeof content === "string") {
        texts.push({ ...message, content });
        continue;
      }
      const parts: MarkedPart[] = [];
      for (const [place, part] of content.entries()) {
        if (part.type === "text") {
          parts.push({ text: part.text, isMarker: false });
          continue;
        }
        const field = `messages.${index}.content.${place}`;
        if (!engine) {
          const refusal = part.type === "image_url" ? NO_IMAGES : NO_AUDIO;
          const reason = `${refusal}: ${blindness ?? "this model reads only text"}`;
          throw invalidRequest([{ field, message: reason }]);
        }
        const marker = newMarker();
        parts.push({ text: marker, isMarker: true });
        try {
          const medium = await take(engine, part);
          taken.push(medium);
          media.set(marker, medium.tokens);
        } catch (error) {
          if (!(error instanceof BadMedia)) throw error;
          errors.push({ field, message: error.message });
        }
      }
      texts.push({ ...message, content: joined(parts) });
    }
    if (errors.length > 0) throw invalidRequest(errors);
  } catch (error) {
    release();
    throw error;
  }
  return { texts, media, release };
}

function take(engine: EngineMedia, part: MediumPart): Promise<TakenMedium> {
  return part.type === "image_url"
    ? engine.image(fileOf(part.image_url.url))
    : engine.sound(bytesOf(part.input_audio.data));
}

interface MarkedPart {
  readonly text: string;
  readonly isMarker: boolean;
}

/** Parts of one text: each is a line, but there is no new line around a picture or sound, as in
 * llama-server. */
function joined(parts: readonly MarkedPart[]): string {
  let text = "";
  let wasMarker = false;
  for (const part of parts) {
    if (!part.isMarker && !wasMarker && text !== "") text += "\n";
    text += part.text;
    wasMarker = part.isMarker;
  }
  return text;
}

/** The bytes in a data: URL; the orchestrator sends no others. */
function fileOf(url: string): Uint8Array<ArrayBuffer> {
  const comma = url.indexOf(",");
  if (!/^data:[^,]*;base64$/i.test(url.slice(0, comma))) {
    throw new BadMedia("must have its bytes in base64: data:image/png;base64,…");
  }
  return bytesOf(url.slice(comma + 1));
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.fromBase64(base64);
  } catch {
    throw new BadMedia("is not valid base64");
  }
}
