import { createReadStream, createWriteStream } from "node:fs";
import { createHash } from "node:crypto";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { join } from "node:path";
import { create } from "tar";

/** Size and hash of a file. */
export interface Digest {
  readonly size: number;
  /** SHA-256 in hexadecimal. */
  readonly sha256: string;
}

/**
 * Packs a folder as `.tar.gz`. The same files always give the same bytes: names are sorted, there
 * are no owners, all have the same time, and of the mode only the executable bit is kept.
 *
 * @param epoch Time of every entry, in seconds since 1970.
 */
export async function packFolder(folder: string, file: string, epoch: number): Promise<Digest> {
  const tar = create({
    cwd: folder,
    portable: true,
    noDirRecurse: true,
    mtime: new Date(epoch * 1000),
    onWriteEntry: ({ stat }) => {
      if (stat) stat.mode = modeOf(stat.mode);
    },
  }, entriesOf(folder));
  // Deno's zlib gives the same bytes on every machine, unlike a system's gzip. Level 9 takes more
  // than twice as long for 3 % less.
  await pipeline(tar, createGzip({ level: 6 }), createWriteStream(file));
  return await digestOf(file);
}

/** Mode 0755 if the owner may execute the file, otherwise 0644, whatever the umask was. */
function modeOf(mode: number): number {
  const kind = mode & 0o170000;
  const isProgram = kind === 0o040000 || kind === 0o120000 || (mode & 0o100) !== 0;
  return kind | (isProgram ? 0o755 : 0o644);
}

/** Every file, link and folder below a folder, sorted by code unit. */
function entriesOf(folder: string, below = ""): string[] {
  const entries = [...Deno.readDirSync(join(folder, below))]
    .sort((a, b) => a.name < b.name ? -1 : 1);
  return entries.flatMap(({ name, isDirectory }) => {
    const path = below === "" ? name : `${below}/${name}`;
    return isDirectory ? [path, ...entriesOf(folder, path)] : [path];
  });
}

/** Computes the size and hash of a file. */
export async function digestOf(file: string): Promise<Digest> {
  const { size } = await Deno.stat(file);
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return { size, sha256: hash.digest("hex") };
}
