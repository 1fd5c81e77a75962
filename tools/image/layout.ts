/**
 * Writes an image as an OCI layout: a folder with blobs that are named by their hashes.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { type Descriptor, type ImageConfig, type Manifest, MEDIA_TYPES, REF_NAME } from "./oci.ts";

/** An image whose layers were written. */
export interface Image {
  readonly config: ImageConfig;
  readonly layers: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * Writes a layout with one image into a new folder. Modes are fixed, independent of the umask.
 *
 * @param blobs Folder that has the layers, by SHA-256.
 * @param ref Name of the image in the layout, such as its version.
 * @returns the digest of the manifest
 */
export async function writeLayout(
  folder: string,
  image: Image,
  blobs: string,
  ref: string,
): Promise<string> {
  const own = join(folder, "blobs", "sha256");
  await Deno.mkdir(own, { recursive: true });
  for (const { digest } of image.layers) {
    const hex = digest.slice("sha256:".length);
    await Deno.copyFile(join(blobs, hex), join(own, hex));
  }
  const put = async (mediaType: string, value: unknown): Promise<Descriptor> => {
    const bytes = json(value);
    const hex = createHash("sha256").update(bytes).digest("hex");
    await Deno.writeFile(join(own, hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    config: await put(MEDIA_TYPES.config, image.config),
    layers: image.layers,
    annotations: image.annotations,
  };
  const { architecture, os } = image.config;
  const described = {
    ...await put(MEDIA_TYPES.manifest, manifest),
    annotations: { [REF_NAME]: ref },
    platform: { architecture, os },
  };
  const index = { schemaVersion: 2, mediaType: MEDIA_TYPES.index, manifests: [described] };
  await Deno.writeFile(join(folder, "index.json"), json(index));
  await Deno.writeFile(join(folder, "oci-layout"), json({ imageLayoutVersion: "1.0.0" }));
  await setModes(folder);
  return described.digest;
}

function json(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}

async function setModes(folder: string): Promise<void> {
  await Deno.chmod(folder, 0o755);
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) await setModes(join(folder, name));
    else await Deno.chmod(join(folder, name), 0o644);
  }
}
