/**
 * Reads a file of `/proc` or `/sys`; undefined where there is none.
 *
 * Deno opens those only to a program that has every permission (docs/adr/0005-permissions.md).
 */
export function readSystemFileSync(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    return absent(error);
  }
}

/** {@linkcode readSystemFileSync} for several files of one look. */
export async function readSystemFile(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    return absent(error);
  }
}

/** Names in a folder of `/proc` or `/sys`; none where there is none. */
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
