/** A decoded picture. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** Red, green and blue of each pixel, row by row. */
  readonly rgb: Uint8Array<ArrayBuffer>;
}

/** Why a picture or sound cannot be read, as the end of a sentence about its field. */
export class BadMedia extends Error {
  override readonly name = "BadMedia";
}
