import { z } from "zod";

/** What clients look for to send the same without images. */
export const NO_IMAGES = "image input is not supported";
/** The same of sound. */
export const NO_AUDIO = "audio input is not supported";

/** Prefix of the URL of an image or sound once orchestratord has taken it: its SHA-256 follows. */
const TAKEN = "sha256:";

const URL_START = /^(?:data:|https?:\/\/|sha256:[0-9a-f]{64}$)/i;

const imageUrl = z.string().regex(
  URL_START,
  "must be a data: URL with the image in base64, or an http(s) URL",
).meta({ description: "data:image/png;base64,…, or http(s): where the operator allows the host" });

/** An image in a message. `detail` is a hint of OpenAI's prices, and is left out. */
export const imagePart = z.object({
  type: z.literal("image_url"),
  image_url: z.union([
    z.object({ url: imageUrl }),
    imageUrl.transform((url) => ({ url })),
  ], { error: "must have a url" }),
}).meta({ id: "ImagePart" });

/** An image in a message. */
export type ImagePart = z.output<typeof imagePart>;

/** Sound in a message, in base64. Its bytes tell its format. */
export const audioPart = z.object({
  type: z.literal("input_audio"),
  input_audio: z.object({
    data: z.string().meta({ description: "A WAV or MP3 file in base64" }),
    format: z.string().max(16).optional(),
  }, { error: "must have data" }),
}).meta({ id: "AudioPart" });

/** Sound in a message. */
export type AudioPart = z.output<typeof audioPart>;

/** A part of a message that is no text. */
export type MediumPart = ImagePart | AudioPart;

/** A text in a message with images or sound. */
export interface TextPart {
  readonly type: "text";
  readonly text: string;
}

/** What a message says: a list only if it has an image or sound. */
export type Content = string | (TextPart | MediumPart)[];

/** The part of an image at this URL. */
export function imageAt(url: string): ImagePart {
  return { type: "image_url", image_url: { url } };
}

/** The part of an image in base64, of which some clients make a data: URL. Its bytes tell its format. */
export function imageIn(base64: string): ImagePart {
  return imageAt(base64.startsWith("data:") ? base64 : `data:;base64,${base64}`);
}

/** Content of parts: one text if all of them are, each part a line. */
export function contentOf(parts: readonly (TextPart | MediumPart)[]): Content {
  const texts = parts.filter((part) => part.type === "text");
  return texts.length < parts.length ? [...parts] : linesOf(texts);
}

/** The texts of a message, each part a line. */
export function textOf(content: Content): string {
  if (typeof content === "string") return content;
  return linesOf(content.filter((part) => part.type === "text"));
}

function linesOf(texts: readonly TextPart[]): string {
  return texts.map(({ text }) => text).join("\n");
}

/** The images and sounds of messages, in their order. */
export function mediaOf(
  messages: readonly { readonly content: Content }[] | undefined,
): MediumPart[] {
  return (messages ?? []).flatMap(({ content }) =>
    typeof content === "string" ? [] : content.filter((part) => part.type !== "text")
  );
}

/** The images of messages, in their order. */
export function imagesOf(
  messages: readonly { readonly content: Content }[] | undefined,
): ImagePart[] {
  return mediaOf(messages).filter((part) => part.type === "image_url");
}

/** What a model can have beside text: `vision` of images, `audio` of sound. */
export type Sense = "vision" | "audio";

/** The senses that messages need. */
export function sensesOf(
  messages: readonly { readonly content: Content }[] | undefined,
): Sense[] {
  return [...new Set(mediaOf(messages).map(senseOf))];
}

/** The sense that a part needs. */
export function senseOf({ type }: MediumPart): Sense {
  return type === "image_url" ? "vision" : "audio";
}

/** The URL of an image, or of sound: that of its bytes, or of their hash. */
export function urlOf(part: MediumPart): string {
  if (part.type === "image_url") return part.image_url.url;
  const { data } = part.input_audio;
  return takenHash(data) === undefined ? AUDIO_URL + data : data;
}

/** Messages whose images and sounds have other URLs; undefined as a new URL leaves one as it is. */
export function withMedia<M extends { readonly content: Content }>(
  messages: readonly M[],
  newUrl: (url: string) => string | undefined,
): M[] {
  return messages.map((message) => {
    const { content } = message;
    if (typeof content === "string") return message;
    const parts = content.map((part) => {
      if (part.type === "text") return part;
      const url = newUrl(urlOf(part));
      return url === undefined ? part : partAt(part, url);
    });
    return { ...message, content: parts };
  });
}

/** URL of the bytes of a sound: which format they have, they say themselves. */
const AUDIO_URL = "data:audio/;base64,";
/** The same with its format, once that is known. */
const KNOWN_AUDIO = /^data:audio\/(\w+);base64,/;

/** The same part at another URL. */
function partAt(part: MediumPart, url: string): MediumPart {
  if (part.type === "image_url") return imageAt(url);
  const [start, format] = KNOWN_AUDIO.exec(url) ?? [];
  if (start === undefined) return { type: part.type, input_audio: { data: url } };
  return { type: part.type, input_audio: { data: url.slice(start.length), format } };
}

/** The URL of an image or sound that orchestratord has taken. */
export function takenUrl(sha256: string): string {
  return TAKEN + sha256;
}

/** The SHA-256 in the URL of an image that orchestratord has taken; undefined for another URL. */
export function takenHash(url: string): string | undefined {
  return url.startsWith(TAKEN) ? url.slice(TAKEN.length) : undefined;
}
