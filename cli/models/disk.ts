import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { formatBytes } from "../output/bytes.ts";

/** Left free for everything else on the disk, in bytes. */
const RESERVE_BYTES = 64 * 1024 * 1024;

/**
 * Makes a folder that models can be written to.
 *
 * @throws {LlorchError} that says which folder, and how to take another.
 */
export async function makeFolder(dir: string): Promise<void> {
  await onDisk(dir, () => Deno.mkdir(dir, { recursive: true }));
}

/** @throws {LlorchError} when a folder's disk has not enough room for so many more bytes. */
export async function checkSpace(dir: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  if (bytes + RESERVE_BYTES <= free) return;
  throw new LlorchError(
    "INSUFFICIENT_MEMORY",
    `The disk of ${dir} has ${formatBytes(free)} free, and ${formatBytes(bytes)} are to come, ` +
      `besides ${formatBytes(RESERVE_BYTES)} that stay free: ` +
      "make room, or take another folder with --dir",
  );
}

/**
 * Does something with a file and says in one sentence what the system held against it.
 *
 * @throws {LlorchError}
 */
export async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw diskError(path, error);
  }
}

/** What an error of the file system means for the person; any other error as it is. */
export function diskError(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof LlorchError) return error;
  const code = "code" in error ? String(error.code) : "";
  const fail = (reason: string) =>
    new LlorchError("NOT_READY", `Cannot write ${path}: ${reason}`, { cause: error });
  if (code === "ENOSPC" || code === "EDQUOT" || /os error (28|122)/.test(error.message)) {
    return fail("the disk is full; make room and run the same command again");
  }
  if (code === "EROFS" || /os error 30/.test(error.message)) {
    return fail("the file system is read-only; take another folder with --dir");
  }
  if (error instanceof Deno.errors.PermissionDenied || code === "EACCES" || code === "EPERM") {
    return fail(
      `you may not write there; take another folder with --dir or chown ${dirname(path)}`,
    );
  }
  if (error instanceof Deno.errors.NotCapable) {
    return fail("files below /dev, /proc and /sys are not for models; take another folder");
  }
  const isPath = error instanceof Deno.errors.NotADirectory ||
    error instanceof Deno.errors.AlreadyExists || error instanceof Deno.errors.IsADirectory;
  if (isPath) return fail("something else stands in its way; take another folder with --dir");
  const isSystem = code !== "" || /os error/.test(errorMessage(error));
  return isSystem ? fail(errorMessage(error)) : error;
}
