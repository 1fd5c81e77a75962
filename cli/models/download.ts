import { defined } from "#shared/json.ts";
import { basename, join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { type Manifest, readManifest } from "#shared/models/manifest.ts";
import { partPaths } from "#shared/models/split.ts";
import type { Context } from "../context.ts";
import { checkSpace, makeFolder } from "./disk.ts";
import { fetchFile } from "./fetch_file.ts";
import { hashFile } from "./hash_file.ts";
import type { Hub } from "./hub.ts";
import { isFileChanged } from "./hub_errors.ts";
import { incompletePath } from "./incomplete.ts";
import { listFiles, onlyModel } from "./listing.ts";
import { writeManifest } from "./manifest_file.ts";
import { Progress } from "./progress.ts";
import { projectorAmong, projectorPath } from "./projector.ts";
import { probeFile, type RemoteFile } from "./remote_file.ts";
import { FIRST_CONTACT, RETRY, withRetries } from "./retry.ts";
import { nameOfFile } from "./name_of_file.ts";
import type { Target } from "./target.ts";

/** How a model is downloaded. */
export interface DownloadOptions {
  readonly hub: Hub;
  readonly target: Target;
  readonly dir: string;
  /** Whether to download it again even if it is already there. */
  readonly isForced: boolean;
  readonly isQuiet: boolean;
}

/** Result of a download. */
export interface Downloaded {
  readonly id: string;
  readonly path: string;
  readonly size_bytes: number;
  readonly sha256: string | null;
  /** Whether the content has the hub's hash; false where the hub announces none. */
  readonly verified: boolean;
  /** Whether there was nothing to fetch. */
  readonly already: boolean;
}

/**
 * Downloads a model with all its parts, and the projector with which it sees or hears, verifies them, and writes its
 * manifest.
 */
export async function downloadModel(
  options: DownloadOptions,
  context: Context,
): Promise<Downloaded> {
  const { target } = options;
  const { note, retry, list, probe } = contact(options, context);
  const listed = target.file === undefined ? await withRetries(list, retry) : undefined;
  const file = target.file ?? onlyModel(listed!, target.repo);
  for (let tries = 0;; tries++) {
    const remotes = await probe(partPaths(file));
    checkCatalog(target, remotes);
    // A hub that lists nothing may still have the file.
    const projector = projectorAmong(listed ?? await list().catch(() => []), file);
    const eyes = projector === undefined ? [] : await probe([projector]);
    try {
      return await downloadParts(remotes, eyes, options, context);
    } catch (error) {
      if (!isFileChanged(error) || tries > 0) throw error;
      note("The file on the hub has changed in the meantime: starting again");
    }
  }
}

/** The model that is already on this machine; undefined when it is not. */
export async function alreadyThere(target: Target, dir: string): Promise<Downloaded | undefined> {
  if (target.file === undefined) return undefined;
  const path = join(dir, basename(target.file));
  const known = await readManifest(path).catch(() => undefined);
  const isSame = known !== undefined && known.repo === target.repo &&
    known.file === target.file && known.revision === target.revision &&
    (target.sha256 === undefined || known.sha256 === target.sha256);
  if (!isSame || await sizeOf(partPaths(path)) !== known.size_bytes) return undefined;
  return result(path, known, true);
}

/**
 * Downloads the projector of a model that is already there, if its repository has one and it is missing: it was
 * deleted, or the model was downloaded before its repository had one. A hub that cannot be asked changes nothing.
 */
export async function addProjector(
  there: Downloaded,
  options: DownloadOptions,
  context: Context,
): Promise<Downloaded> {
  const path = projectorPath(there.path);
  const { target: { file }, dir } = options;
  if (file === undefined || await sizeOf([path]) !== undefined) return there;
  const { list, probe } = contact(options, context);
  const listed = await list().catch((error) => {
    if (context.signal.aborted) throw error;
    return [];
  });
  const projector = projectorAmong(listed, file);
  if (projector === undefined) return there;
  for (const remote of await probe([projector])) {
    await checkSpace(dir, await missingBytes([{ remote, path }]));
    await fetchPart({ remote, path }, options, context);
  }
  return { ...there, already: false };
}

/** How the hub is asked about a repository. */
function contact({ hub, target, isQuiet }: DownloadOptions, context: Context) {
  const note = (text: string) => isQuiet || context.stderr.write(text + "\n");
  const retry = { policy: FIRST_CONTACT, signal: context.signal, onRetry: noteRetry(note) };
  const { repo, revision = "main" } = target;
  return {
    ...{ note, retry },
    list: () => listFiles(hub, repo, revision, context.signal),
    probe: (files: readonly string[]) =>
      withRetries(
        () =>
          Promise.all(
            files.map((file) => probeFile(hub, { repo, revision, file }, context.signal)),
          ),
        retry,
      ),
  };
}

/** Downloads a file, and shows how far it is. */
async function fetchPart(
  { remote, path }: { readonly remote: RemoteFile; readonly path: string },
  { hub, isQuiet }: DownloadOptions,
  context: Context,
): Promise<string> {
  const shown = { label: basename(path), total: remote.sizeBytes, from: 0, isQuiet };
  using progress = new Progress(context, shown);
  return await fetchFile({ hub, remote, path, retry: RETRY, progress, signal: context.signal });
}

/** Refuses to give the catalog's name to a file that is not the one in the catalog. */
function checkCatalog({ id, sha256, repo, file }: Target, [first]: readonly RemoteFile[]): void {
  if (sha256 === undefined || first?.sha256 === undefined || first.sha256 === sha256) return;
  throw new LlorchError(
    "CONFLICT",
    `The hub's file is no longer the one that the catalog has as ${id}: update llorch, or ` +
      `download it anyway with llorch models download hf:${repo}::file=${file}`,
  );
}

async function downloadParts(
  remotes: readonly RemoteFile[],
  projectors: readonly RemoteFile[],
  options: DownloadOptions,
  context: Context,
): Promise<Downloaded> {
  const { target, dir, isForced } = options;
  await makeFolder(dir);
  const parts = remotes.map((remote) => ({ remote, path: join(dir, basename(remote.file)) }));
  const [first] = parts;
  const eyes = projectors.map((remote) => ({ remote, path: projectorPath(first!.path) }));
  const open: typeof parts = [];
  const hashes: string[] = [];
  // The projector comes first: a model that is served never lacks it.
  for (const part of [...eyes, ...parts]) {
    const same = isForced ? undefined : await sameContent(part.path, part.remote, context.signal);
    if (same === undefined) open.push(part);
    else if (!eyes.includes(part)) hashes.push(same);
  }
  await checkSpace(dir, await missingBytes(open));
  for (const part of open) {
    const hash = await fetchPart(part, options, context);
    if (!eyes.includes(part)) hashes.push(hash);
  }
  const isVerified = remotes.every(({ sha256 }) => sha256 !== undefined);
  const manifest: Manifest = {
    id: target.id ?? nameOfFile(first!.path),
    repo: target.repo,
    ...defined({ revision: target.revision }),
    file: first!.remote.file,
    size_bytes: remotes.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    ...(parts.length === 1 && hashes[0] !== undefined ? { sha256: hashes[0] } : {}),
    aliases: [],
    ...(isVerified ? { verified_at: new Date().toISOString() } : {}),
  };
  await writeManifest(first!.path, manifest);
  return result(first!.path, manifest, open.length === 0);
}

/**
 * The hash of the file at a path, when it is the wanted one; undefined when there is no file.
 *
 * @throws {LlorchError} `CONFLICT` when there is a different file.
 */
async function sameContent(
  path: string,
  remote: RemoteFile,
  signal: AbortSignal,
): Promise<string | undefined> {
  const size = await sizeOf([path]);
  if (size === undefined) return undefined;
  if (size === remote.sizeBytes && remote.sha256 !== undefined) {
    const sha256 = await hashFile(path, signal);
    if (sha256 === remote.sha256) return sha256;
  }
  throw new LlorchError(
    "CONFLICT",
    `${path} exists and differs from the hub's file: replace it with --force, or choose another ` +
      "folder with --dir",
  );
}

async function missingBytes(
  parts: readonly { readonly remote: RemoteFile; readonly path: string }[],
): Promise<number> {
  let missing = 0;
  for (const { remote, path } of parts) {
    const there = await sizeOf([incompletePath(path, remote.tag)]) ?? 0;
    missing += Math.max(0, remote.sizeBytes - there);
  }
  return missing;
}

/** Total size of some files, in bytes; undefined when one is missing. */
async function sizeOf(paths: readonly string[]): Promise<number | undefined> {
  let total = 0;
  for (const path of paths) {
    const facts = await Deno.stat(path).catch(() => undefined);
    if (facts === undefined) return undefined;
    total += facts.size;
  }
  return total;
}

function result(path: string, manifest: Manifest, already: boolean): Downloaded {
  return {
    id: manifest.id,
    path,
    size_bytes: manifest.size_bytes,
    sha256: manifest.sha256 ?? null,
    verified: manifest.verified_at !== undefined,
    already,
  };
}

function noteRetry(note: (text: string) => void) {
  return (error: LlorchError, ms: number) =>
    note(`${error.message}; trying again${ms > 0 ? ` in ${Math.ceil(ms / 1000)} s` : ""}`);
}
