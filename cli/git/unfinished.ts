import type { Git } from "./git.ts";
import { isThere } from "./is_there.ts";

/** An operation that was begun in a repository and not finished, such as a rebase. */
export interface Unfinished {
  /** With its article: `a rebase`. */
  readonly what: string;
  /** Git commands: the first continues once conflicts are resolved, the other one aborts. */
  readonly goOn: string;
  readonly giveUp: string;
}

/** Files in git's folder during each operation; where several exist, the first counts. */
const TRACES: readonly (readonly [file: string, what: string, goOn: string, giveUp: string])[] = [
  ["rebase-merge", "a rebase", "git rebase --continue", "git rebase --abort"],
  ["rebase-apply/applying", "git am", "git am --continue", "git am --abort"],
  ["rebase-apply", "a rebase", "git rebase --continue", "git rebase --abort"],
  ["CHERRY_PICK_HEAD", "a cherry-pick", "git cherry-pick --continue", "git cherry-pick --abort"],
  ["REVERT_HEAD", "a revert", "git revert --continue", "git revert --abort"],
  ["MERGE_HEAD", "a merge", "git commit", "git merge --abort"],
  ["BISECT_LOG", "a bisect", "git bisect good or bad", "git bisect reset"],
];

/** What is unfinished in a repository, if anything. */
export async function findUnfinished(git: Git): Promise<Unfinished | undefined> {
  const asked = TRACES.flatMap(([file]) => ["--git-path", file]);
  const paths = (await git.run(["rev-parse", ...asked])).split("\n");
  for (const [index, [, what, goOn, giveUp]] of TRACES.entries()) {
    if (await isThere(git, paths[index]!)) return { what, goOn, giveUp };
  }
  return undefined;
}
