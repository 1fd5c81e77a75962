/**
 * Reads a file of `/proc` or `/sys`; undefined if there is none.
 *
 * Deno opens these files only with all permissions (docs/adr/0005-permissions.md).
 */
export function readSystemFileSync(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    return absent(error);
  }
}

/** The asynchronous {@linkcode readSystemFileSync}, to read several files at the same time. */
export async function readSystemFile(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    return absent(error);
  }
}

/** Names in a folder of `/proc` or `/sys`; empty if it does not exist. */
export function listSystemFolder(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name);
  } catch (error) {
    return absent(error) ?? [];
  }
}

/** A missing permission must not look like a missing file. */
function absent(error: unknown): undefined {
  if (error instanceof Deno.errors.NotCapable) throw error;
  return undefined;
}
