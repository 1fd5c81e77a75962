/**
 * The Debian packages of the base, with their hashes: `pins.json`, which `deno task image-base` writes.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LlorchError } from "#shared/errors.ts";
import type { Target } from "../../build/targets.ts";

/** One pinned package. */
export interface Pin {
  readonly name: string;
  readonly version: string;
  /** Debian's name: `amd64`. */
  readonly architecture: string;
  /** Name of the archive: `debian` or `debian-security`. */
  readonly archive: string;
  /** Path below the archive's URL. */
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** Content of the file. */
export interface Pins {
  readonly release: string;
  /** When Debian published the newest list of packages. */
  readonly published: string;
  readonly packages: readonly Pin[];
}

/** The file. */
export const PINS_FILE: string = join(dirname(fileURLToPath(import.meta.url)), "pins.json");

/** Debian's names of architectures, by npm's. */
export const ARCHITECTURES: Readonly<Record<Target["arch"], string>> = {
  x64: "amd64",
  arm64: "arm64",
};

/** Reads the pinned packages. */
export async function readPins(): Promise<Pins> {
  return JSON.parse(await Deno.readTextFile(PINS_FILE));
}

/**
 * The packages for a platform, in the order of the file.
 *
 * @throws {LlorchError} if there are none
 */
export function pinsFor(pins: Pins, { arch, triple }: Pick<Target, "arch" | "triple">): Pin[] {
  const found = pins.packages.filter((each) => each.architecture === ARCHITECTURES[arch]);
  if (found.length > 0) return found;
  throw new LlorchError("NOT_FOUND", `Cannot make an image for ${triple}: no packages are pinned`);
}

/** Snapshots follow a publication within hours. */
const SNAPSHOT_MS = 24 * 3_600_000;

/** Where snapshot.debian.org keeps these versions for good. */
export function snapshotUrl({ published }: Pick<Pins, "published">): string {
  const time = new Date(Date.parse(published) + SNAPSHOT_MS).toISOString();
  const compact = time.replace(/[-:]/g, "").replace(/\.\d+/, "");
  return `http://snapshot.debian.org/archive/debian/${compact}`;
}
