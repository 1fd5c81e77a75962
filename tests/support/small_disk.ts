/**
 * A file system of a stated size, to be filled.
 *
 * @module
 */
import assert from "node:assert/strict";

/** Why there can be none; undefined if there can. */
export const WHY_NO_SMALL_DISK: string | undefined = Deno.build.os === "linux" && Deno.uid() === 0
  ? undefined
  : "needs Linux and root, to mount a tmpfs";

/** Runs something with a folder on a file system of that size, such as `1m`. */
export async function withSmallDisk(
  size: string,
  work: (dir: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  const run = async (command: string, ...args: string[]) => {
    const { success, stderr } = await new Deno.Command(command, { args }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  };
  await run("mount", "-t", "tmpfs", "-o", `size=${size}`, "tmpfs", dir);
  try {
    await work(dir);
  } finally {
    await run("umount", dir);
    await Deno.remove(dir);
  }
}

/** Writes a file until its disk is full. */
export function fill(file: string): void {
  using open = Deno.openSync(file, { create: true, append: true });
  for (const size of [65_536, 4096, 1]) {
    const bytes = new Uint8Array(size);
    try {
      while (open.writeSync(bytes) > 0);
    } catch {
      // There is no room for a block of this size.
    }
  }
}
