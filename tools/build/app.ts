import { join } from "node:path";
import type { ExecutableName } from "#shared/executables.ts";
import { SOURCES } from "#shared/executables.ts";
import { isOpenedFile } from "../../daemons/worker/engine/libllama/c/library_files.ts";
import { output } from "./process.ts";
import type { Backend, Target } from "./targets.ts";

/** The worker's modules that run in threads of their own: llama.cpp's, and the one that decodes pictures. */
const THREADS = [
  "daemons/worker/engine/libllama/thread/thread.ts",
  "daemons/worker/media/decoder.ts",
];

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
  const bundle = (entry: string) =>
    output(Deno.execPath(), [
      "bundle",
      "--quiet",
      "--frozen",
      "--platform=deno",
      // Chunks are loaded on demand: a command loads only its own.
      "--code-splitting",
      `--outdir=${app}`,
      entry,
    ], { cwd: source });
  await bundle(SOURCES[executable]);
  for (const thread of executable === "llorch-candled" ? THREADS : []) await bundle(thread);
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

/**
 * Copies llama.cpp's libraries of a backend from `node_modules` into the app, in folders by platform: those
 * that the engine opens, without what only node-llama-cpp's own code uses.
 */
export async function addBackend(
  nodeModules: string,
  backend: Backend,
  target: Target,
  app: string,
): Promise<void> {
  const os = target.os === "win32" ? "windows" : target.os;
  for (const name of target.backends[backend] ?? []) {
    // Each has the folder of its platform; a package that extends another one has files for that one's.
    const bins = join(await packageFolder(nodeModules, `@node-llama-cpp/${name}`), "bins");
    await copyTree(bins, join(app, "llama"), (file) => isOpenedFile(file, os));
  }
}

/** Folder of an installed package. */
export async function packageFolder(nodeModules: string, name: string): Promise<string> {
  const prefix = `${name.replace("/", "+")}@`;
  for await (const entry of Deno.readDir(join(nodeModules, ".deno"))) {
    if (!entry.name.startsWith(prefix)) continue;
    return join(nodeModules, ".deno", entry.name, "node_modules", name);
  }
  throw new Error(`${nodeModules} has no ${name}`);
}

/** The native files of an app's backend; empty without a backend. */
export async function nativeFiles(app: string): Promise<string[]> {
  const files: string[] = [];
  const visit = async (folder: string) => {
    for await (const { name, isDirectory, isFile } of Deno.readDir(folder)) {
      const path = join(folder, name);
      if (isDirectory) await visit(path);
      else if (isFile && /\/(?:llama|media)\/.*\.so$/.test(path)) files.push(path);
    }
  };
  await visit(app);
  return files.sort();
}

async function copyTree(
  from: string,
  into: string,
  isWanted: (file: string) => boolean,
): Promise<void> {
  await Deno.mkdir(into, { recursive: true });
  for await (const entry of Deno.readDir(from)) {
    const path = join(from, entry.name);
    const copy = join(into, entry.name);
    if (entry.isDirectory) await copyTree(path, copy, isWanted);
    else if (isWanted(entry.name)) await Deno.copyFile(path, copy);
  }
}
