import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { formatBytes } from "../output/bytes.ts";

/** Space to leave free for everything else on the disk, in bytes. */
const RESERVE_BYTES = 64 * 1024 * 1024;

/**
 * Makes a folder that models can be written to.
 *
 * @throws {LlorchError} that says which folder, and how to choose another.
 */
export async function makeFolder(dir: string): Promise<void> {
  await onDisk(dir, () => Deno.mkdir(dir, { recursive: true }));
}

/** @throws {LlorchError} when a folder's disk does not have room for this many more bytes. */
export async function checkSpace(dir: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  if (bytes + RESERVE_BYTES <= free) return;
  throw new LlorchError(
    "INSUFFICIENT_MEMORY",
    `The disk of ${dir} has ${formatBytes(free)} free, but ${formatBytes(bytes)} are needed, ` +
      `and ${formatBytes(RESERVE_BYTES)} must stay free: ` +
      "make room, or choose another folder with --dir",
  );
}

/**
 * Does something with a file.
 *
 * @throws {LlorchError} with one sentence for an error of the file system
 */
export async function onDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw diskError(path, error);
  }
}

/** Explains an error of the file system; any other error is returned as it is. */
export function diskError(path: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof LlorchError) return error;
  const code = "code" in error ? String(error.code) : "";
  const fail = (reason: string) =>
    new LlorchError("NOT_READY", `Cannot write ${path}: ${reason}`, { cause: error });
  if (code === "ENOSPC" || code === "EDQUOT" || /os error (28|122)/.test(error.message)) {
    return fail("the disk is full; make room and run the same command again");
  }
  if (code === "EROFS" || /os error 30/.test(error.message)) {
    return fail("the file system is read-only; choose another folder with --dir");
  }
  if (error instanceof Deno.errors.PermissionDenied || code === "EACCES" || code === "EPERM") {
    return fail(
      `you may not write there; choose another folder with --dir or chown ${dirname(path)}`,
    );
  }
  if (error instanceof Deno.errors.NotCapable) {
    return fail("llorch cannot use files below /dev, /proc and /sys; choose another folder");
  }
  const isPath = error instanceof Deno.errors.NotADirectory ||
    error instanceof Deno.errors.AlreadyExists || error instanceof Deno.errors.IsADirectory;
  if (isPath) return fail("something else is in its place; choose another folder with --dir");
  const isSystem = code !== "" || /os error/.test(errorMessage(error));
  return isSystem ? fail(errorMessage(error)) : error;
}
