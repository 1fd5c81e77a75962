/**
 * Installs the programs of `packages.ts`, or those that are named, from npm and PyPI:
 * `deno run -P=tools tests/conformance/programs/install.ts codex claude`.
 *
 * @module
 */
import { commandOf, folderOf, type Package, PACKAGES } from "./packages.ts";

async function run(command: string, args: readonly string[]): Promise<void> {
  const { success } = await new Deno.Command(command, { args: [...args], stdin: "null" }).spawn()
    .status;
  if (!success) throw new Error(`${command} ${args.join(" ")} failed`);
}

/** Installs a package unless it is there. A folder without its executable is made again. */
async function install(program: Package): Promise<void> {
  const folder = folderOf(program);
  try {
    await Deno.stat(commandOf(program));
    return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const { registry, name, version, plugins = [] } = program;
  await Deno.mkdir(folder, { recursive: true });
  if (registry === "npm") {
    const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
    await run("npm", ["install", `--prefix=${folder}`, ...quiet, `${name}@${version}`, ...plugins]);
  } else {
    await run("python3", ["-m", "venv", folder]);
    await run(`${folder}/bin/pip`, ["install", "--quiet", `${name}==${version}`, ...plugins]);
  }
}

if (import.meta.main) {
  const names = Deno.args.length > 0 ? Deno.args : Object.keys(PACKAGES);
  let failed = false;
  for (const name of names) {
    const program = Object.entries(PACKAGES).find(([each]) => each === name)?.[1];
    if (!program) throw new RangeError(`There is no program '${name}': see packages.ts`);
    try {
      await install(program);
      console.log(`${name} ${program.version}: ${commandOf(program)}`);
    } catch (error) {
      failed = true;
      console.error(`${name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  if (failed) Deno.exit(1);
}
