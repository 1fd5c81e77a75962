import type { ImageFormat } from "#shared/images/header.ts";
import type { SoundFormat } from "#shared/images/sound_format.ts";

/** An image or a sound of a request. */
export interface Image {
  /** Hexadecimal. */
  readonly sha256: string;
  readonly format: ImageFormat | SoundFormat;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** An image without its bytes. */
export type ImageFacts = Omit<Image, "data"> & { readonly bytes: number };

/**
 * Images of stored requests, each once by its hash. An image stays while one of its owners is there: a job
 * whose request has not been erased, or a response.
 */
export interface ImageStore {
  /**
   * Stores images for an owner that is about to be stored. Until the returned function is called, they stay
   * whether it is there or not.
   *
   * @param known Hashes of images that must be there already.
   * @throws {LlorchError} `NOT_READY` if they cannot be written, `CONTENT_EXPIRED` if a known one is gone
   */
  keep(
    owner: string,
    images: readonly Image[],
    known?: readonly string[],
  ): Promise<() => void>;
  /** Undefined if it is not there. */
  facts(sha256: string): Promise<ImageFacts | undefined>;
  /** Undefined if it is not there. */
  get(sha256: string): Promise<Image | undefined>;
  /**
   * Removes the images that no owner needs any more. Their bytes leave the files too.
   *
   * @returns the number removed
   */
  removeUnused(): Promise<number>;
}
