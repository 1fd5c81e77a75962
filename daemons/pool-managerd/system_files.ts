/**
 * Reads a file of `/proc` or `/sys`; undefined where there is none.
 *
 * Deno opens those only to a program that has every permission. One that may run programs, as we
 * do, can ask `cat`: this takes 4 ms, so nothing here should be read many times a second.
 */
export function readSystemFileSync(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) return undefined;
  }
  const { success, stdout } = cat(path).outputSync();
  return success ? new TextDecoder().decode(stdout) : undefined;
}

/** {@linkcode readSystemFileSync} for several files of one look. */
export async function readSystemFile(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) return undefined;
  }
  const { success, stdout } = await cat(path).output();
  return success ? new TextDecoder().decode(stdout) : undefined;
}

function cat(path: string): Deno.Command {
  return new Deno.Command("cat", { args: [path], stdin: "null", stderr: "null" });
}
