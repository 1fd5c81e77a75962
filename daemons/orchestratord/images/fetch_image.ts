import { ImageRefusal } from "./read_image.ts";
export const imageFetcher = (_config: unknown) => (_url: string): Promise<Uint8Array<ArrayBuffer>> => {
  throw new ImageRefusal("is not a data: URL");
};
