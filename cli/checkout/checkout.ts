import { dirname, join } from "node:path";
import { errorMessage, LlorchError } from "#shared/errors.ts";

/** A folder with these files is a checkout of llorch. */
const MARKS = ["deno.json", "cli/main.ts"];

/**
 * The checkout that a command works on: the nearest one that contains `cwd`, otherwise the one that
 * this program runs from.
 *
 * @param own The one that this program runs from; undefined in a built executable.
 * @throws {LlorchError} when there is none
 */
export function findCheckout(
  cwd: string,
  own: string | undefined,
  isFile: (path: string) => boolean = isFileThere,
): string {
  for (let dir = cwd;; dir = dirname(dir)) {
    if (MARKS.every((mark) => isFile(join(dir, mark)))) return dir;
    if (dirname(dir) === dir) break;
  }
  if (own !== undefined) return own;
  throw new LlorchError(
    "NOT_FOUND",
    `Cannot find a checkout of llorch in or above ${cwd}: change into one, or make one with llorch git clone URL`,
  );
}

function isFileThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/**
 * Checks that a checkout has a task.
 *
 * @throws {LlorchError} when it does not, or its deno.json cannot be read
 */
export async function requireTask(checkout: string, task: string): Promise<void> {
  const file = join(checkout, "deno.json");
  let tasks: unknown;
  try {
    tasks = JSON.parse(await Deno.readTextFile(file)).tasks;
  } catch (error) {
    throw new LlorchError("INTERNAL", `Cannot read ${file}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  if (typeof tasks === "object" && tasks !== null && Object.hasOwn(tasks, task)) return;
  throw new LlorchError(
    "NOT_FOUND",
    `The checkout ${checkout} has no task "${task}": bring it up to date with llorch git pull`,
  );
}
