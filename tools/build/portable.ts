import { createReadStream, createWriteStream } from "node:fs";
import { basename, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { WORKER_ENVIRONMENT } from "#shared/for_llama.ts";
import { DENO_VERSION, VERSION } from "#shared/version.ts";
import { fill } from "../fill.ts";
import { type Digest, packFolder } from "./archive.ts";
import launcher from "./launcher.sh" with { type: "text" };
import type { Artifact } from "./plan.ts";
import type { Commit } from "./source.ts";
import type { Target } from "./targets.ts";

/** Fixed size of the launcher, so that the payloads' offsets do not depend on its text. */
const LAUNCHER_BYTES = 8192;

/** A packed deno, the same for every executable of a target. */
export interface PackedDeno extends Digest {
  readonly file: string;
  /** Name of the folder that it is unpacked to. */
  readonly key: string;
}

/** Packs a platform's deno. */
export async function packDeno(
  deno: string,
  work: string,
  { epoch }: Commit,
): Promise<PackedDeno> {
  const folder = join(work, "deno");
  await Deno.mkdir(folder);
  await Deno.copyFile(deno, join(folder, "deno"));
  await Deno.chmod(join(folder, "deno"), 0o755);
  const file = join(work, "deno.tar.gz");
  const digest = await packFolder(folder, file, epoch);
  return { ...digest, file, key: `deno-${DENO_VERSION}-${digest.sha256.slice(0, 12)}` };
}

/**
 * Writes a portable executable: the launcher, the packed deno, the packed program.
 *
 * @param app Folder with the program.
 * @param path The executable.
 */
export async function writePortable(
  artifact: Artifact,
  target: Target,
  commit: Commit,
  app: string,
  deno: PackedDeno,
  path: string,
): Promise<void> {
  await Deno.writeTextFile(join(app, "runtime"), `${deno.key}\n`);
  const payload = `${app}.tar.gz`;
  const packed = await packFolder(app, payload, commit.epoch);
  const name = artifact.file;
  const script = fillLauncher({
    NAME: name,
    EXECUTABLE: artifact.executable,
    VERSION,
    COMMIT: commit.commit,
    TARGET: target.triple,
    // Without this, deno reads the whole module graph at the start; a command needs only a part.
    PREPARE: artifact.executable === "llorch-candled" ? WORKER_ENVIRONMENT : "",
    FLAGS: "--unstable-lazy-dynamic-imports",
    DENO_KEY: deno.key,
    DENO_AT: String(LAUNCHER_BYTES),
    DENO_SIZE: String(deno.size),
    DENO_SHA: deno.sha256,
    APP_KEY: `${name}-${VERSION}-${target.triple}-${packed.sha256.slice(0, 12)}`,
    APP_AT: String(LAUNCHER_BYTES + deno.size),
    APP_SIZE: String(packed.size),
    APP_SHA: packed.sha256,
  });
  const aside = join(app, "..", `.${basename(path)}`);
  await Deno.writeFile(aside, script);
  for (const part of [deno.file, payload]) {
    await pipeline(createReadStream(part), createWriteStream(aside, { flags: "a" }));
  }
  await Deno.chmod(aside, 0o755);
  await Deno.rename(aside, path);
}

/**
 * The launcher's bytes, padded to their fixed length.
 *
 * @throws {Error} if a placeholder has no value, or the script is too long
 */
export function fillLauncher(values: Readonly<Record<string, string>>): Uint8Array {
  const bytes = new TextEncoder().encode(fill(launcher, values) + "exit\n");
  if (bytes.length > LAUNCHER_BYTES) {
    throw new Error(`The launcher has ${bytes.length} bytes: at most ${LAUNCHER_BYTES} fit`);
  }
  const padded = new Uint8Array(LAUNCHER_BYTES).fill(0x0a);
  padded.set(bytes);
  return padded;
}
