import { createHash } from "node:crypto";
import { dirname } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { formatBytes } from "../output/bytes.ts";
import { ByteSource } from "./byte_source.ts";
import { diskError, onDisk } from "./disk.ts";
import { feedHash } from "./hash_file.ts";
import type { Hub } from "./hub.ts";
import { incompletePath, openIncomplete, staleIncompletes } from "./incomplete.ts";
import type { Progress } from "./progress.ts";
import type { RemoteFile } from "./remote_file.ts";
import type { RetryPolicy } from "./retry.ts";
import { DEFAULT_CONNECTIONS, transfer } from "./transfer.ts";

/** The first bytes of a GGUF file. */
const MAGIC = "GGUF";

/** How a file is fetched. */
export interface FetchOptions {
  readonly hub: Hub;
  readonly remote: RemoteFile;
  /** Where to put it; the folder exists. */
  readonly path: string;
  readonly retry: RetryPolicy;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * Fetches one file and puts it in its place once it is complete and has the hash that the hub
 * announced. Until then the received part is kept beside it, and the next try continues from there.
 *
 * @returns SHA-256 of the file
 * @throws {LlorchError} `CONFLICT` if the hash is another; an error of the hub or the disk otherwise
 */
export async function fetchFile(options: FetchOptions): Promise<string> {
  const { remote, path, progress } = options;
  const part = incompletePath(path, remote.tag);
  using file = await openIncomplete(part, remote.tag !== undefined);
  for (const stale of await staleIncompletes(path, part)) {
    const { size } = await Deno.stat(stale);
    progress.note(
      `The hub has a different file now: dropping ${formatBytes(size)} of the earlier one`,
    );
    await onDisk(stale, () => Deno.remove(stale));
  }
  const sha256 = await fill(file, part, options);
  if (remote.sha256 !== undefined && sha256 !== remote.sha256) {
    await onDisk(part, () => Deno.remove(part));
    throw new LlorchError(
      "CONFLICT",
      `The download of ${remote.file} was removed: its SHA-256 is ${sha256}, but the hub announced ` +
        `${remote.sha256}; try again, and check for a proxy that changes files`,
    );
  }
  await onDisk(path, async () => {
    await file.sync();
    await Deno.rename(part, path);
    await syncFolder(dirname(path));
  });
  return sha256;
}

/** Adds what is missing; returns the hash of the whole. */
async function fill(file: Deno.FsFile, part: string, options: FetchOptions): Promise<string> {
  const { remote, hub, progress, signal, retry } = options;
  const hash = createHash("sha256");
  const there = (await file.stat()).size;
  if (there > remote.sizeBytes) await file.truncate(0);
  const from = there > remote.sizeBytes ? 0 : await feedHash(file, hash, signal, () => {});
  await file.seek(from, Deno.SeekMode.Start);
  if (from > 0) progress.note(`Continuing at ${formatBytes(from)}`);
  progress.done = from;
  await transfer({
    source: new ByteSource(hub, remote),
    file: checkedFile(file, from, remote, part),
    hash,
    from,
    sizeBytes: remote.sizeBytes,
    connections: DEFAULT_CONNECTIONS,
    stallMs: hub.stallMs,
    retry,
    signal,
    onRetry: (error, ms) =>
      progress.note(
        `${error.message}; trying again${ms > 0 ? ` in ${Math.ceil(ms / 1000)} s` : ""}`,
      ),
    onBytes: (count) => progress.done = from + count,
  });
  return hash.digest("hex");
}

/** Refuses what is no model before gigabytes of it are read, and explains errors of the disk. */
function checkedFile(
  file: Deno.FsFile,
  from: number,
  remote: RemoteFile,
  part: string,
): Pick<Deno.FsFile, "write"> {
  let isFirst = from === 0;
  return {
    async write(bytes) {
      if (isFirst && new TextDecoder().decode(bytes.subarray(0, MAGIC.length)) !== MAGIC) {
        throw new LlorchError(
          "INVALID_REQUEST",
          `${remote.file} is not a GGUF file: check the reference and HF_ENDPOINT`,
        );
      }
      isFirst = false;
      try {
        return await file.write(bytes);
      } catch (error) {
        throw diskError(part, error);
      }
    },
  };
}

/** Makes a rename survive a power cut, where the system can. */
async function syncFolder(dir: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using folder = await Deno.open(dir);
  await folder.sync().catch(() => {});
}
