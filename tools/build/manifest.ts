import { join } from "node:path";
import type { RuntimeKind } from "#shared/build_info.ts";
import { DENO_VERSION, VERSION } from "#shared/version.ts";
import { digestOf } from "./archive.ts";
import type { Artifact } from "./plan.ts";
import type { Commit } from "./source.ts";
import type { Backend, Target } from "./targets.ts";

/** One executable of a {@linkcode Manifest}. */
export interface ManifestEntry {
  /** File name, beside the manifest. */
  readonly file: string;
  readonly name: string;
  readonly version: string;
  readonly commit: string;
  readonly date: string;
  readonly target: string;
  readonly backend?: Backend;
  readonly runtime: { readonly kind: RuntimeKind; readonly deno: string };
  readonly size_bytes: number;
  readonly sha256: string;
}

/** `manifest.json`: what lies in an output folder. */
export interface Manifest {
  readonly executables: readonly ManifestEntry[];
}

/** Describes a file that was just written. */
export async function describe(
  artifact: Artifact,
  file: string,
  out: string,
  target: Target,
  commit: Commit,
  kind: RuntimeKind,
): Promise<ManifestEntry> {
  const { size, sha256 } = await digestOf(join(out, file));
  return {
    file,
    name: artifact.executable,
    version: VERSION,
    commit: commit.commit,
    date: commit.date,
    target: target.triple,
    ...(artifact.backend ? { backend: artifact.backend } : {}),
    runtime: { kind, deno: DENO_VERSION },
    size_bytes: size,
    sha256,
  };
}

/** Reads the manifest of an output folder; empty where there is none. */
export async function readManifest(out: string): Promise<Manifest> {
  try {
    return JSON.parse(await Deno.readTextFile(join(out, "manifest.json")));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { executables: [] };
    throw error;
  }
}

/** Writes `manifest.json` and `SHA256SUMS`; entries of other files that are still there stay. */
export async function writeManifest(
  out: string,
  entries: readonly ManifestEntry[],
): Promise<Manifest> {
  const written = new Set(entries.map((entry) => entry.file));
  const { executables: before } = await readManifest(out);
  const kept = before.filter(({ file }) => !written.has(file) && isThere(join(out, file)));
  const executables = [...kept, ...entries].sort((a, b) => a.file < b.file ? -1 : 1);
  const manifest: Manifest = { executables };
  await Deno.writeTextFile(
    join(out, "manifest.json"),
    JSON.stringify(manifest, null, 2) + "\n",
  );
  const sums = executables.map(({ sha256, file }) => `${sha256}  ${file}\n`);
  await Deno.writeTextFile(join(out, "SHA256SUMS"), sums.join(""));
  return manifest;
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
