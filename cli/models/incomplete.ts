import { basename, dirname, join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { onDisk } from "./disk.ts";

const ENDING = ".incomplete";

/**
 * Where a download is kept until it is whole. The name says of which content it is, so that what an
 * earlier try left is only ever continued with bytes of the same file.
 */
export function incompletePath(path: string, tag: string | undefined): string {
  return `${path}.${tag ?? "any"}${ENDING}`;
}

/** What other contents of the same file were begun and not ended. */
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
 * Opens the file of a download and keeps everybody else out.
 *
 * @param canResume Whether what is there may be continued; otherwise it is emptied.
 * @throws {LlorchError} `CONFLICT` when another process downloads it.
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
        `Another llorch downloads ${basename(path)} at this moment: wait for it`,
      );
    }
    if (!canResume) await file.truncate(0);
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}
