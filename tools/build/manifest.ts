import { join } from "node:path";
import type { RuntimeKind } from "#shared/build_info.ts";
import { LlorchError } from "#shared/errors.ts";
import { DENO_VERSION, VERSION } from "#shared/version.ts";
import { digestOf } from "./archive.ts";
import type { Needs } from "./native.ts";
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
  /** Whether a worker's libraries were built from source; otherwise they are a package's. */
  readonly libraries?: "source";
  readonly size_bytes: number;
  readonly sha256: string;
  /** Libraries that it needs of a Linux host, with their versions. */
  readonly needs?: Needs;
}

/** `manifest.json`, which lists the files of an output folder. */
export interface Manifest {
  readonly executables: readonly ManifestEntry[];
}

/**
 * Describes a file that was just made.
 *
 * @param path Where it is now.
 * @param file Its name in the output folder.
 */
export async function describe(
  artifact: Artifact,
  file: string,
  path: string,
  target: Target,
  commit: Commit,
  kind: RuntimeKind,
  needs: Needs,
): Promise<ManifestEntry> {
  const { size, sha256 } = await digestOf(path);
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
    ...(Object.keys(needs).length > 0 ? { needs } : {}),
  };
}

/** Reads the manifest of an output folder; empty if there is none. */
export async function readManifest(out: string): Promise<Manifest> {
  try {
    return JSON.parse(await Deno.readTextFile(join(out, "manifest.json")));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { executables: [] };
    throw error;
  }
}

/**
 * Reads the manifest of an output folder and checks that each executable matches its entry.
 *
 * @throws {LlorchError} that names a file which does not match
 */
export async function readSoundManifest(out: string): Promise<Manifest> {
  const manifest = await readManifest(out);
  for (const entry of manifest.executables) {
    const problem = await problemOf(entry, out);
    if (problem === undefined) continue;
    throw new LlorchError(
      "CONFLICT",
      `Cannot pack ${join(out, entry.file)}: ${problem}; run deno task build again`,
    );
  }
  return manifest;
}

/** Writes `manifest.json` and `SHA256SUMS`; keeps the entries of other files that still match. */
export async function writeManifest(
  out: string,
  entries: readonly ManifestEntry[],
): Promise<Manifest> {
  const written = new Set(entries.map((entry) => entry.file));
  const { executables: before } = await readManifest(out);
  const others = before.filter(({ file }) => !written.has(file));
  const problems = await Promise.all(others.map((entry) => problemOf(entry, out)));
  const kept = others.filter((_, index) => problems[index] === undefined);
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

/** How a file differs from its entry. */
async function problemOf(entry: ManifestEntry, out: string): Promise<string | undefined> {
  try {
    const { size, sha256 } = await digestOf(join(out, entry.file));
    if (size === entry.size_bytes && sha256 === entry.sha256) return undefined;
    return `it has ${size} bytes and the SHA-256 ${sha256}, and manifest.json says ` +
      `${entry.size_bytes} and ${entry.sha256}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "it is missing";
    throw error;
  }
}
