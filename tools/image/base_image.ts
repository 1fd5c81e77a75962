/**
 * The image that an operator puts llorch on: an OCI layout, such as one that skopeo has copied.
 *
 * @module
 */
import { join } from "node:path";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { digestOf } from "../build/archive.ts";
import {
  type Descriptor,
  type HistoryEntry,
  type ImageConfig,
  type Index,
  type Manifest,
  REF_NAME,
  type RunConfig,
} from "./oci.ts";

/** What an image is put on. */
export interface BaseImage {
  readonly architecture: string;
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly string[];
  readonly history: readonly HistoryEntry[];
  readonly run: RunConfig;
  /** Digest of its manifest, if it is another image. */
  readonly digest?: string;
}

/** Longest chain of lists of manifests. */
const MAX_DEPTH = 4;

/**
 * Reads an image of a layout, and copies its layers.
 *
 * @param ref Its name in the layout; needed if there are several.
 * @param architecture The one it must have, by OCI's name.
 * @param blobs Folder that layers are copied into, by SHA-256.
 * @throws {LlorchError} if there is no such image, or a file does not match its digest
 */
export async function readBaseImage(
  { folder, ref }: { readonly folder: string; readonly ref?: string },
  architecture: string,
  blobs: string,
): Promise<BaseImage> {
  const layout = new Layout(folder);
  const index = await layout.readIndex();
  const found = await layout.find(chooseByName(index, ref, folder), architecture, MAX_DEPTH);
  if (!found) {
    throw failed(folder, `it has no image for linux/${architecture}; copy one, or choose --target`);
  }
  const config = await layout.read<ImageConfig>(found.manifest.config);
  if (config.os !== "linux" || config.architecture !== architecture) {
    throw failed(
      folder,
      `it is for ${config.os}/${config.architecture}, not for linux/${architecture}; choose --target`,
    );
  }
  for (const layer of found.manifest.layers) await layout.copy(layer, blobs);
  return {
    architecture,
    layers: found.manifest.layers.map(({ mediaType, digest, size }) => ({
      ...{ mediaType, digest, size },
    })),
    diffIds: config.rootfs.diff_ids,
    history: config.history ?? [],
    run: config.config ?? {},
    digest: found.digest,
  };
}

/** Manifests of the list with a name; without a name, all if they are one image's. */
function chooseByName(index: Index, ref: string | undefined, folder: string): Descriptor[] {
  const nameOf = ({ annotations }: Descriptor) => annotations?.[REF_NAME];
  const names = [...new Set(index.manifests.map(nameOf))];
  if (ref === undefined && names.length <= 1) return [...index.manifests];
  const found = index.manifests.filter((each) => nameOf(each) === ref);
  if (ref !== undefined && found.length > 0) return found;
  const known = names.filter((name) => name !== undefined).join(", ") || "images without names";
  throw failed(
    folder,
    ref === undefined
      ? `it has several images: name one of ${known}, as oci:DIR:NAME`
      : `it has no image "${ref}", but ${known}`,
  );
}

/** The files of a layout. */
class Layout {
  constructor(readonly folder: string) {}

  async readIndex(): Promise<Index> {
    try {
      return JSON.parse(await Deno.readTextFile(join(this.folder, "index.json")));
    } catch (error) {
      throw failed(this.folder, `${errorMessage(error)}; it must be an OCI layout`);
    }
  }

  /** The first image for an architecture. */
  async find(
    descriptors: readonly Descriptor[],
    architecture: string,
    depth: number,
  ): Promise<{ manifest: Manifest; digest: string } | undefined> {
    for (const descriptor of descriptors) {
      const { platform } = descriptor;
      const isOther = platform &&
        (platform.architecture !== architecture || platform.os !== "linux");
      if (isOther) continue;
      const read = await this.read<Manifest | Index>(descriptor);
      if ("layers" in read) return { manifest: read, digest: descriptor.digest };
      const inner = depth > 0 && await this.find(read.manifests, architecture, depth - 1);
      if (inner) return inner;
    }
  }

  async read<T>(descriptor: Descriptor): Promise<T> {
    return JSON.parse(await Deno.readTextFile(await this.#checked(descriptor)));
  }

  /** Copies a blob into a folder. */
  async copy(descriptor: Descriptor, into: string): Promise<void> {
    const path = await this.#checked(descriptor);
    await Deno.copyFile(path, join(into, descriptor.digest.slice("sha256:".length)));
  }

  /** Path of a blob that matches its digest. */
  async #checked({ digest, size }: Descriptor): Promise<string> {
    const [, hex] = /^sha256:([0-9a-f]{64})$/.exec(digest) ?? [];
    if (hex === undefined) throw failed(this.folder, `it has the digest ${digest}, not a SHA-256`);
    const path = join(this.folder, "blobs", "sha256", hex);
    const is = await digestOf(path).catch((error) => {
      throw failed(this.folder, errorMessage(error));
    });
    if (is.sha256 === hex && is.size === size) return path;
    throw failed(this.folder, `${path} is damaged: its SHA-256 is ${is.sha256}; copy it again`);
  }
}

function failed(folder: string, reason: string): LlorchError {
  return new LlorchError("CONFLICT", `Cannot use ${folder} as a base: ${reason}`);
}
