import { basename, dirname, join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { onDisk } from "./disk.ts";

const ENDING = ".incomplete";

/**
 * Where a download is kept until it is complete. The name identifies the content, so that an
 * earlier try is only continued with bytes of the same content.
 */
export function incompletePath(path: string, tag: string | undefined): string {
  return `${path}.${tag ?? "any"}${ENDING}`;
}

/** Incomplete downloads of other contents of the same file. */
export async function staleIncompletes(path: string, current: string): Promise<string[]> {
  const dir = dirname(path);
  const stale: string[] = [];
  for await (const { name } of Deno.readDir(dir)) {
    const isOurs = name.startsWith(`${basename(path)}.`) && name.endsWith(ENDING);
    if (isOurs && join(dir, name) !== current) stale.push(join(dir, name));
  }
  return stale;
}

/**
 * Opens and locks the file of a download.
 *
 * @param canResume Whether an earlier download may be continued; otherwise the file is emptied.
 * @throws {LlorchError} `CONFLICT` when another process is downloading it.
 */
export async function openIncomplete(path: string, canResume: boolean): Promise<Deno.FsFile> {
  const file = await onDisk(
    path,
    () => Deno.open(path, { read: true, write: true, create: true }),
  );
  try {
    if (!await file.tryLock(true)) {
      throw new LlorchError(
        "CONFLICT",
        `Another llorch is downloading ${basename(path)}: wait for it`,
      );
    }
    if (!canResume) await file.truncate(0);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}
