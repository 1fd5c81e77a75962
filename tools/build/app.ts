import { join } from "node:path";
import type { ExecutableName } from "#shared/executables.ts";
import { SOURCES } from "#shared/executables.ts";
import { output } from "./process.ts";
import type { Backend, Target } from "./targets.ts";

/** Files of node-llama-cpp that are only for building llama.cpp or for development. */
const LEFT_OUT =
  /\.(d\.[cm]?ts|map|md)$|\/node-llama-cpp\/llama\/(gitRelease\.bundle|xpack|addon)$/;

/** A program's settings from the repository's `deno.json`. */
export interface RepositoryConfig {
  readonly unstable: readonly string[];
  readonly permissions: Readonly<Record<string, unknown>>;
}

/**
 * Bundles a program into `<app>/main.js` with a `deno.json` that gives it the permissions and
 * unstable features of the repository's own.
 *
 * @param source The copy of the sources.
 */
export async function bundleApp(
  executable: ExecutableName,
  source: string,
  app: string,
): Promise<void> {
  await Deno.mkdir(app, { recursive: true });
  await output(Deno.execPath(), [
    "bundle",
    "--quiet",
    "--frozen",
    "--platform=deno",
    // Chunks are loaded on demand: a command loads only its own.
    "--code-splitting",
    "--external=node-llama-cpp",
    `--outdir=${app}`,
    SOURCES[executable],
  ], { cwd: source });
  const { unstable, permissions }: RepositoryConfig = JSON.parse(
    await Deno.readTextFile(join(source, "deno.json")),
  );
  const config = {
    nodeModulesDir: "manual",
    unstable,
    permissions: { [executable]: permissions[executable] },
  };
  await Deno.writeTextFile(join(app, "deno.json"), JSON.stringify(config, null, 2) + "\n");
}

/** Copies the files of a backend's `node_modules` that a worker needs into the app. */
export async function addBackend(
  nodeModules: string,
  backend: Backend,
  target: Target,
  app: string,
): Promise<void> {
  const wanted = new Set(target.backends[backend]);
  const isWanted = (path: string) => {
    const native = /@node-llama-cpp[+/]([^@/]+)/.exec(path)?.[1];
    return (native === undefined || wanted.has(native)) && !LEFT_OUT.test(path);
  };
  await copyTree(nodeModules, join(app, "node_modules"), isWanted);
  await Deno.writeTextFile(
    join(app, "package.json"),
    JSON.stringify({ type: "module", dependencies: { "node-llama-cpp": "*" } }) + "\n",
  );
}

/** The native files of an app's backend; empty without a backend. */
export async function nativeFiles(app: string): Promise<string[]> {
  const files: string[] = [];
  const visit = async (folder: string) => {
    for await (const { name, isDirectory, isFile } of Deno.readDir(folder)) {
      const path = join(folder, name);
      if (isDirectory) await visit(path);
      else if (isFile && /\/bins\/.*\.(so|node)/.test(path)) files.push(path);
    }
  };
  await visit(app);
  return files.sort();
}

async function copyTree(
  from: string,
  into: string,
  isWanted: (path: string) => boolean,
): Promise<void> {
  await Deno.mkdir(into, { recursive: true });
  for await (const entry of Deno.readDir(from)) {
    const path = join(from, entry.name);
    const copy = join(into, entry.name);
    if (!isWanted(path)) continue;
    if (entry.isSymlink) await Deno.symlink(await Deno.readLink(path), copy);
    else if (entry.isDirectory) await copyTree(path, copy, isWanted);
    else await Deno.copyFile(path, copy);
  }
}
