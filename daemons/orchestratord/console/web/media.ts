/** Images and sounds of the playground's messages. */

/** A part of a message that is no text. */
type MediumPart =
  | { readonly type: "image_url"; readonly image_url: { readonly url: string } }
  | {
    readonly type: "input_audio";
    readonly input_audio: { readonly data: string; readonly format: "wav" | "mp3" };
  };

/** What a message says: a text, or images, sounds and texts. */
export type Content =
  | string
  | readonly ({ readonly type: "text"; readonly text: string } | MediumPart)[];

/** Types of files that the service knows as images. */
export const IMAGE_TYPES = "image/png,image/jpeg,image/webp,image/gif,image/bmp";

/** Types of files that it knows as sounds: browsers have several names for each. */
export const SOUND_TYPES = "audio/wav,audio/x-wav,audio/wave,audio/vnd.wave,audio/mpeg,audio/mp3";

/**
 * Those among some files that have one of the types, as data: URLs.
 *
 * @param types Separated by commas.
 */
export async function readMedia(files: Iterable<File>, types: string): Promise<string[]> {
  const wanted = types.split(",");
  return await Promise.all([...files].filter(({ type }) => wanted.includes(type)).map(dataUrl));
}

function dataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/** Whether a data: URL is that of a sound. */
export function isSound(url: string): boolean {
  return url.startsWith("data:audio/");
}

/** A message's content of images and sounds, as data: URLs, and the text behind them. */
export function contentOf(text: string, media: readonly string[]): Content {
  if (media.length === 0) return text;
  return [...media.map(partOf), ...(text === "" ? [] : [{ type: "text" as const, text }])];
}

function partOf(url: string): MediumPart {
  if (!isSound(url)) return { type: "image_url", image_url: { url } };
  const format = /^data:audio\/(?:mpeg|mp3)\b/.test(url) ? "mp3" : "wav";
  return {
    type: "input_audio",
    input_audio: { data: url.slice(url.indexOf(",") + 1), format },
  };
}

/** The text of a message. */
export function textOf(content: Content): string {
  if (typeof content === "string") return content;
  return content.flatMap((part) => part.type === "text" ? [part.text] : []).join("\n");
}

/** The data: URLs of a message's images and sounds. */
export function mediaOf(content: Content): string[] {
  if (typeof content === "string") return [];
  return content.flatMap((part) => {
    switch (part.type) {
      case "text":
        return [];
      case "image_url":
        return [part.image_url.url];
      case "input_audio": {
        const { data, format } = part.input_audio;
        return [`data:audio/${format === "mp3" ? "mpeg" : format};base64,${data}`];
      }
    }
  });
}

/** Messages to be read by people: the bytes of their images and sounds are left out. */
export function withoutBytes<M extends { readonly content: Content }>(messages: readonly M[]): M[] {
  return messages.map((message) => {
    const { content } = message;
    if (typeof content === "string") return message;
    const short = mediaOf(content).map((url) => `${url.slice(0, url.indexOf(",") + 1)}…`);
    return { ...message, content: contentOf(textOf(content), short) };
  });
}
