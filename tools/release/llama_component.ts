import { join } from "node:path";
import type { LibraryOs } from "../../daemons/worker/engine/libllama/c/library_files.ts";
import { hashesOf } from "../abi/hashes.ts";
import type { Carried, Component } from "./components.ts";
import { declaredLicence } from "./licence_texts.ts";

/** Names of packages with llama.cpp's libraries. */
const PLATFORM_PACKAGE = /^@node-llama-cpp\//;

/**
 * Adds llama.cpp to the package of a platform: its version, its licence, and the files that a worker carries.
 * Other components are returned as they are.
 *
 * @param nodeModules Where the package is installed, and node-llama-cpp, which names llama.cpp's version.
 */
export async function withLlama(
  component: Component,
  nodeModules: string,
  os: LibraryOs,
): Promise<Component> {
  const { name, version, licenceText } = component;
  if (!PLATFORM_PACKAGE.test(name)) return component;
  const packageFolder = (of: string) =>
    join(nodeModules, ".deno", `${of.replaceAll("/", "+")}@${version}`, "node_modules", of);
  const { tag, llamaCppGithubRepo } = JSON.parse(
    await Deno.readTextFile(join(packageFolder("node-llama-cpp"), "llama/llama.cpp.info.json")),
  );
  const files: Record<string, string> = {};
  const bins = join(packageFolder(name), "bins");
  for await (const { name: platform } of Deno.readDir(bins)) {
    Object.assign(files, hashesOf(join(bins, platform), os));
  }
  const carries: Carried = {
    ...{ name: "llama.cpp", version: tag, files },
    purl: `pkg:github/${llamaCppGithubRepo}@${tag}`,
  };
  const own = declaredLicence(carries.name, "MIT", undefined);
  return {
    ...component,
    carries,
    licenceText:
      `${licenceText}\n\nIt carries ${carries.name} ${carries.version}, and on Linux libmtmd of the same source:\n\n${own}`,
  };
}
