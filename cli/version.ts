import { BUILD_INFO, type BuildInfo } from "#shared/build_info.ts";
import { checkoutRoot } from "#shared/executables.ts";
import { versionLine } from "#shared/version.ts";

/** What `llorch --version` says; a checkout's commit is asked of git. */
export async function llorchVersion(): Promise<string> {
  return versionLine("llorch", BUILD_INFO ?? await checkedOut());
}

/** The commit of the checkout that we run from, if git can say it. */
async function checkedOut(): Promise<Omit<BuildInfo, "runtime"> | undefined> {
  const root = checkoutRoot();
  if (root === undefined) return undefined;
  try {
    const { success, stdout } = await new Deno.Command("git", {
      args: ["-C", root, "log", "-1", "--format=%h %cs"],
      stdin: "null",
      stderr: "null",
    }).output();
    const [commit, date] = new TextDecoder().decode(stdout).trim().split(" ");
    return success && commit && date ? { commit, date } : undefined;
  } catch {
    return undefined; // No git: the version alone.
  }
}
