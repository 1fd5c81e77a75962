import { basename } from "node:path";
import { type Manifest, readManifest } from "#shared/models/manifest.ts";
import { partPaths } from "#shared/models/split.ts";
import type { Context } from "../context.ts";
import { catalogModel } from "./catalog.ts";
import { hashFile } from "./hash_file.ts";
import { hubSettings } from "./hub.ts";
import type { InstalledModel } from "./installed.ts";
import { writeManifest } from "./manifest_file.ts";
import { Progress } from "./progress.ts";
import { probeFile } from "./remote_file.ts";

/** Result of verifying one model. */
export interface Verdict {
  readonly name: string;
  readonly path: string;
  /** `unknown`: there is no hash to compare with. */
  readonly status: "ok" | "broken" | "unknown";
  /** Hash of the file on disk; null for a model in several parts. */
  readonly sha256: string | null;
  readonly message: string;
}

/**
 * Compares a model with its hash: the one in its manifest, for a model that comes with llorch the
 * catalog's, for one in several parts the hub's. Then sets the time of verification in the
 * manifest, or removes it when a hash differs.
 */
export async function verifyModel(
  model: InstalledModel,
  isQuiet: boolean,
  context: Context,
): Promise<Verdict> {
  const manifest = await readManifest(model.path);
  const hashes = await hashParts(model, isQuiet, context);
  const wanted = await expected(model, manifest, context);
  const sha256 = hashes.length === 1 ? hashes[0]! : null;
  const base = { name: model.name, path: model.path, sha256 };
  if (wanted === undefined) {
    const message = "no hash to compare with: it was not downloaded by llorch";
    return { ...base, status: "unknown", message };
  }
  const wrong = hashes.findIndex((hash, index) => hash !== wanted[index]);
  if (manifest !== undefined) await writeVerdict(model.path, manifest, wrong < 0);
  if (wrong < 0) return { ...base, status: "ok", message: sha256 ?? `${hashes.length} parts` };
  return {
    ...base,
    status: "broken",
    message: `SHA-256 is ${hashes[wrong]}, not ${wanted[wrong]}: ` + remedy(model, manifest),
  };
}

async function hashParts(
  model: InstalledModel,
  isQuiet: boolean,
  context: Context,
): Promise<string[]> {
  using progress = new Progress(context, {
    label: model.name,
    total: model.size_bytes,
    from: 0,
    isQuiet,
  });
  const hashes: string[] = [];
  let before = 0;
  for (const path of partPaths(model.path)) {
    const base = before;
    hashes.push(
      await hashFile(path, context.signal, (count) => {
        progress.done = base + count;
        before = base + count;
      }),
    );
  }
  return hashes;
}

async function expected(
  model: InstalledModel,
  manifest: Manifest | undefined,
  { env, signal }: Context,
): Promise<string[] | undefined> {
  if (manifest?.sha256 !== undefined) return [manifest.sha256];
  if (manifest?.repo === undefined || manifest.file === undefined) {
    const known = catalogModel(model.name);
    const isShipped = known?.file !== undefined && basename(known.file) === basename(model.path);
    return isShipped && known.sha256 !== undefined ? [known.sha256] : undefined;
  }
  const hub = await hubSettings(env);
  const { repo, file, revision = "main" } = manifest;
  const hashes: string[] = [];
  for (const part of partPaths(file)) {
    const { sha256 } = await probeFile(hub, { repo, revision, file: part }, signal);
    if (sha256 === undefined) return undefined;
    hashes.push(sha256);
  }
  return hashes;
}

async function writeVerdict(path: string, manifest: Manifest, isOk: boolean): Promise<void> {
  const { verified_at: _, ...rest } = manifest;
  await writeManifest(path, isOk ? { ...rest, verified_at: new Date().toISOString() } : rest);
}

function remedy(model: InstalledModel, manifest: Manifest | undefined): string {
  if (manifest?.repo === undefined) return "the file has changed";
  return `llorch models download ${model.model_ref} --force fetches it again`;
}
