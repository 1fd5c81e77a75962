import { resolve } from "node:path";
import type { Git } from "./git.ts";

/** Whether something is at a path of the repository, also if only a dangling link. */
export async function isThere(git: Git, ...path: readonly string[]): Promise<boolean> {
  try {
    await Deno.lstat(resolve(git.cwd, ...path));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}
