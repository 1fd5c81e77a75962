import { join } from "node:path";
import { ROOT } from "../repo.ts";
import { output } from "./process.ts";
import type { Backend, Target } from "./targets.ts";

/**
 * Installs a platform's deno with the version in `deno.lock` of its install folder.
 *
 * @returns the executable's path
 */
export async function installDeno(target: Target, into: string): Promise<string> {
  await install(`runtimes/${target.triple}`, into, target);
  return join(into, "node_modules", target.denoPackage, "deno");
}

/**
 * Installs the packages of a worker's backend with the versions in `deno.lock` of its install
 * folder.
 *
 * @returns the path of its `node_modules`
 */
export async function installBackend(
  backend: Backend,
  target: Target,
  into: string,
): Promise<string> {
  await install(`backends/${backend}`, into, target);
  return join(into, "node_modules");
}

async function install(folder: string, into: string, target: Target): Promise<void> {
  const from = join(ROOT, "tools/build", folder);
  await Deno.mkdir(into, { recursive: true });
  for await (const { name, isFile } of Deno.readDir(from)) {
    if (isFile) await Deno.copyFile(join(from, name), join(into, name));
  }
  await output(
    Deno.execPath(),
    ["install", "--quiet", "--frozen", `--os=${target.os}`, `--arch=${target.arch}`],
    { cwd: into },
  );
}
