/** Images of the playground's messages. */

/** What a message says: a text, or images and texts. */
export type Content =
  | string
  | readonly (
    | { readonly type: "text"; readonly text: string }
    | { readonly type: "image_url"; readonly image_url: { readonly url: string } }
  )[];

/** Types of files that the service knows as images. */
export const IMAGE_TYPES = "image/png,image/jpeg,image/webp,image/gif,image/bmp";

/** The images among some files, as data: URLs. */
export async function readImages(files: Iterable<File>): Promise<string[]> {
  const images = [...files].filter(({ type }) => IMAGE_TYPES.split(",").includes(type));
  return await Promise.all(images.map(dataUrl));
}

function dataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/** A message's content of images and the text behind them. */
export function contentOf(text: string, images: readonly string[]): Content {
  if (images.length === 0) return text;
  return [
    ...images.map((url) => ({ type: "image_url" as const, image_url: { url } })),
    ...(text === "" ? [] : [{ type: "text" as const, text }]),
  ];
}

/** The text of a message. */
export function textOf(content: Content): string {
  if (typeof content === "string") return content;
  return content.flatMap((part) => part.type === "text" ? [part.text] : []).join("\n");
}

/** The data: URLs of a message's images. */
export function imagesOf(content: Content): string[] {
  if (typeof content === "string") return [];
  return content.flatMap((part) => part.type === "image_url" ? [part.image_url.url] : []);
}

/** Messages to be read by people: the bytes of their images are left out. */
export function withoutBytes<M extends { readonly content: Content }>(messages: readonly M[]): M[] {
  return messages.map((message) => {
    const { content } = message;
    if (typeof content === "string") return message;
    const short = imagesOf(content).map((url) => `${url.slice(0, url.indexOf(",") + 1)}…`);
    return { ...message, content: contentOf(textOf(content), short) };
  });
}
