import { BUILD_INFO, type BuildInfo } from "#shared/build_info.ts";
import { checkoutRoot } from "#shared/executables.ts";
import { runProgram } from "#shared/run_program.ts";
import { versionLine } from "#shared/version.ts";

/** The output of `llorch --version`; in a checkout the commit comes from git. */
export async function llorchVersion(): Promise<string> {
  return versionLine("llorch", BUILD_INFO ?? await checkedOut());
}

/** The commit of the checkout that this program runs from; undefined without git. */
async function checkedOut(): Promise<Omit<BuildInfo, "runtime"> | undefined> {
  const root = checkoutRoot();
  if (root === undefined) return undefined;
  try {
    const args = ["-C", root, "log", "-1", "--format=%h %cs"];
    const { code, stdout } = await runProgram({ command: "git", args });
    const [commit, date] = stdout.trim().split(" ");
    return code === 0 && commit && date ? { commit, date } : undefined;
  } catch {
    return undefined; // No git: the version alone.
  }
}
