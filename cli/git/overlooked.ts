import { LlorchError } from "#shared/errors.ts";
import type { Git } from "./git.ts";
import { isThere } from "./is_there.ts";

/**
 * The marks of `git ls-files -v` for files that git is set to ignore changes of, and their undo.
 */
const MARKS: Readonly<Record<string, string>> = {
  h: "--no-assume-unchanged",
  S: "--no-skip-worktree",
  s: "--no-skip-worktree --no-assume-unchanged",
};

/**
 * Refuses to move to a commit that changes a file which the user has also changed, and which git is
 * set to ignore changes of: git would stop half-way, and `status` does not show the change.
 *
 * @throws {LlorchError} naming the file and the command that undoes the setting
 */
export async function refuseOverlooked(git: Git, target: string): Promise<void> {
  const listed = (await git.run(["ls-files", "-v", "-z"])).split("\0");
  const marked = new Map(listed.flatMap((line) => {
    const flag = MARKS[line.charAt(0)];
    return flag === undefined ? [] : [[line.slice(2), flag] as const];
  }));
  if (marked.size === 0) return;
  const diff = await git.run(["diff", "--name-only", "--no-renames", "-z", "HEAD", target, "--"]);
  for (const path of diff.split("\0")) {
    const flag = marked.get(path);
    if (flag === undefined || !await isThere(git, path) || !await isChanged(git, path)) continue;
    throw new LlorchError(
      "CONFLICT",
      `Git is set to ignore your changes of ${path}, which the upstream changes too: ` +
        `run git update-index ${flag} ${path}, then commit, stash or throw away your changes`,
    );
  }
}

async function isChanged(git: Git, path: string): Promise<boolean> {
  const [here, committed] = await Promise.all([
    git.attempt(["hash-object", "--", path]),
    git.attempt(["rev-parse", "--verify", "--quiet", `HEAD:${path}`]),
  ]);
  return here.stdout !== committed.stdout;
}
