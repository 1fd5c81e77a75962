import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** Root of this checkout. */
export const ROOT: string = dirname(dirname(fileURLToPath(import.meta.url)));

/** Folders without our own files. */
export const SKIPPED: ReadonlySet<string> = new Set(["node_modules", "dist", "coverage"]);

/**
 * Every TypeScript file of the repository, or of a folder of it, as sorted paths from its root, without
 * programs in it that have a configuration of their own.
 *
 * @param folder From the root of the repository.
 */
export function sourceFiles(folder = ""): string[] {
  return [...walk(join(ROOT, folder))].map((path) => relative(ROOT, path).replaceAll("\\", "/"))
    .sort();
}

function* walk(dir: string): Generator<string> {
  for (const entry of Deno.readDirSync(dir)) {
    const path = join(dir, entry.name);
    if (entry.isDirectory) {
      const isOurs = !entry.name.startsWith(".") && !SKIPPED.has(entry.name) &&
        readIfThere(join(path, "deno.json")) === undefined;
      if (isOurs) yield* walk(path);
    } else if (/\.tsx?$/.test(entry.name)) yield path;
  }
}

/**
 * Ends a tool: prints each problem and exits with code 1, or prints one line of success.
 *
 * @param done What was checked, e.g. `412 imports`.
 */
export function report(problems: readonly string[], done: string): never {
  for (const problem of problems) console.error(problem);
  if (problems.length === 0) console.log(`${done}: ok`);
  Deno.exit(problems.length === 0 ? 0 : 1);
}

/** Begins the line of a check that cannot be made on this machine. */
export const LEFT_OUT = "left out: ";

/** Ends a tool whose check cannot be made on this machine, without a problem. */
export function leaveOut(why: string): never {
  console.log(`${LEFT_OUT}${why}`);
  Deno.exit(0);
}

/**
 * Writes a generated file, or in check mode reports if it is out of date.
 *
 * @param path From the root of the repository.
 * @returns the problem, if there is one
 */
export function generated(path: string, text: string, isCheck: boolean): string[] {
  const file = join(ROOT, path);
  if (!isCheck) {
    Deno.mkdirSync(dirname(file), { recursive: true });
    Deno.writeTextFileSync(file, text);
    return [];
  }
  return readIfThere(file) === text ? [] : [`${path} is out of date`];
}

function readIfThere(file: string): string | undefined {
  try {
    return Deno.readTextFileSync(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
