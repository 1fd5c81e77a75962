import { join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import type { Git } from "./git.ts";
import { isNothing, type Loss, lossOf } from "./losses.ts";
import { isThere } from "./is_there.ts";
import { listCommits, readStatus } from "./repository.ts";
import { listSubmodules } from "./submodules.ts";

/**
 * Removes the folders of submodules that a commit replaces with files or an ordinary folder: git
 * would overwrite what is there. A submodule that the commit only lacks stays, as an untracked
 * repository.
 *
 * @throws {LlorchError} when one has local work and `force` is not given; nothing is changed then
 */
export async function clearReplaced(
  git: Git,
  target: string,
  { force, onLoss }: { readonly force: boolean; readonly onLoss: (loss: Loss) => void },
): Promise<void> {
  const paths = await replacedPaths(git, target);
  const losses = (await Promise.all(paths.map((path) => lossWithin(git, path)))).flat()
    .filter((loss) => !isNothing(loss));
  const [first] = losses;
  if (first !== undefined && !force) {
    const { repository, changes, untracked, commits } = first;
    const what = changes[0] ?? untracked[0] ?? `the commit ${commits[0]!.hash.slice(0, 7)}`;
    throw new LlorchError(
      "CONFLICT",
      `${repository} has local work (${what}), and the upstream replaces the submodule with files: ` +
        "move the work elsewhere, or throw it away with llorch git sync --force",
    );
  }
  losses.forEach(onLoss);
  for (const path of paths) {
    // Its commits stay in the outer repository, where their hashes restore them.
    await git.run(["submodule", "--quiet", "absorbgitdirs", "--", path]);
    await Deno.remove(join(git.cwd, path), { recursive: true });
  }
}

/** Submodules that are here and that a commit replaces with something else. */
async function replacedPaths(git: Git, target: string): Promise<string[]> {
  const here: string[] = [];
  for (const { path } of await listSubmodules(git)) {
    if (await isThere(git, path, ".git")) here.push(path);
  }
  if (here.length === 0) return [];
  const tree = await git.run(["ls-tree", "-z", "--full-tree", target, "--", ...here]);
  return parseTree(tree).filter(({ isSubmodule }) => !isSubmodule).map(({ path }) => path);
}

/** The entries of `git ls-tree -z`. */
function parseTree(text: string): { path: string; isSubmodule: boolean }[] {
  return text.split("\0").filter((record) => record !== "").map((record) => {
    const tab = record.indexOf("\t");
    return { path: record.slice(tab + 1), isSubmodule: record.startsWith("160000 ") };
  });
}

/** What is lost with a submodule's folder: local work and ignored files, also of those inside. */
async function lossWithin(outer: Git, path: string): Promise<Loss[]> {
  const git = outer.at(join(outer.cwd, path));
  const status = await readStatus(git);
  const commits = status.head === undefined
    ? []
    : await listCommits(git, ["HEAD", "--branches", "--not", "--remotes"]);
  const loss = await lossOf(git, path, status, commits);
  const ignored = await git.run([
    ...["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"],
  ]);
  // Repositories inside that are no submodules are lost with the folder, too.
  const untracked = status.entries.filter(({ kind }) => kind === "untracked")
    .map((entry) => entry.path);
  const whole = {
    ...loss,
    untracked: [...untracked, ...ignored.split("\0").filter((each) => each !== "")],
  };
  const inner: Loss[] = [];
  for (const submodule of await listSubmodules(git)) {
    if (!await isThere(git, submodule.path, ".git")) continue;
    inner.push(...await lossWithin(git, submodule.path));
  }
  return [whole, ...inner.map((each) => ({ ...each, repository: `${path}/${each.repository}` }))];
}
