import { z } from "zod";

/** What clients look for to send the same without images. */
export const NO_IMAGES = "image input is not supported";

/** Prefix of an image's URL once orchestratord has taken the image: its SHA-256 follows. */
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

/** A text in a message with images. */
export interface TextPart {
  readonly type: "text";
  readonly text: string;
}

/** What a message says: a list only if it has an image. */
export type Content = string | (TextPart | ImagePart)[];

/** The part of an image at this URL. */
export function imageAt(url: string): ImagePart {
  return { type: "image_url", image_url: { url } };
}

/** The part of an image in base64, of which some clients make a data: URL. Its bytes tell its format. */
export function imageIn(base64: string): ImagePart {
  return imageAt(base64.startsWith("data:") ? base64 : `data:;base64,${base64}`);
}

/** Content of parts: one text if none of them is an image, each part a line. */
export function contentOf(parts: readonly (TextPart | ImagePart)[]): Content {
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

/** The images of messages, in their order. */
export function imagesOf(
  messages: readonly { readonly content: Content }[] | undefined,
): ImagePart[] {
  return (messages ?? []).flatMap(({ content }) =>
    typeof content === "string" ? [] : content.filter((part) => part.type === "image_url")
  );
}

/** Messages whose images have other URLs; undefined as a new URL leaves an image as it is. */
export function withImages<M extends { readonly content: Content }>(
  messages: readonly M[],
  newUrl: (url: string) => string | undefined,
): M[] {
  return messages.map((message) => {
    const { content } = message;
    if (typeof content === "string") return message;
    const parts = content.map((part) =>
      part.type === "text" ? part : imageAt(newUrl(part.image_url.url) ?? part.image_url.url)
    );
    return { ...message, content: parts };
  });
}

/** The URL of an image that orchestratord has taken. */
export function takenUrl(sha256: string): string {
  return TAKEN + sha256;
}

/** The SHA-256 in the URL of an image that orchestratord has taken; undefined for another URL. */
export function takenHash(url: string): string | undefined {
  return url.startsWith(TAKEN) ? url.slice(TAKEN.length) : undefined;
}
