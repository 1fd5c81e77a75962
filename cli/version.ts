import { BUILD_INFO, type BuildInfo } from "#shared/build_info.ts";
import { checkoutRoot } from "#shared/executables.ts";
import { VERSION } from "#shared/version.ts";

/** What `llorch --version` says: `llorch 0.1.0 (1a2b3c4, 2026-11-23)`. */
export async function versionLine(): Promise<string> {
  const build = BUILD_INFO ?? await checkedOut();
  return `llorch ${VERSION}${build ? ` (${build.commit}, ${build.date})` : ""}`;
}

/** The commit of the checkout that we run from, if git can say it. */
async function checkedOut(): Promise<BuildInfo | undefined> {
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
