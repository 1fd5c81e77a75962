import { type Manifest, manifest, manifestPath } from "#shared/models/manifest.ts";
import { onDisk } from "./disk.ts";

/** Writes the manifest beside a model, atomically. */
export async function writeManifest(modelPath: string, content: Manifest): Promise<void> {
  const path = manifestPath(modelPath);
  const draft = `${path}.${crypto.randomUUID()}.tmp`;
  const text = JSON.stringify(manifest.parse(content), undefined, 2) + "\n";
  await onDisk(path, async () => {
    try {
      await Deno.writeTextFile(draft, text, { createNew: true });
      await Deno.rename(draft, path);
    } catch (error) {
      await Deno.remove(draft).catch(() => {});
      throw error;
    }
  });
}
