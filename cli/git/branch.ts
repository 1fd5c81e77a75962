import { join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import type { Git } from "./git.ts";
import { looseCommits } from "./losses.ts";
import { readStatus } from "./repository.ts";
import { chooseSubmodules, inspectSubmodule } from "./submodules.ts";
import type { Kept } from "./update.ts";

/** Result of switching submodules to a branch. */
export interface Switched {
  readonly switched: readonly { readonly path: string; readonly isNew: boolean }[];
  readonly kept: readonly Kept[];
}

/**
 * Switches submodules to a branch that they or their remote have, otherwise to a new one at their
 * current commit.
 *
 * @throws {LlorchError} when the branch name is not valid, or a path is no submodule
 */
export async function switchSubmodules(
  git: Git,
  branch: string,
  paths: readonly string[],
): Promise<Switched> {
  if ((await git.attempt(["check-ref-format", "--branch", branch])).code !== 0) {
    throw new LlorchError(
      "INVALID_REQUEST",
      `Cannot name a branch "${branch}": no blanks, no "..", none of ~ ^ : ? * [ \\, ` +
        "and no / or . at its ends",
    );
  }
  const switched: { path: string; isNew: boolean }[] = [];
  const kept: Kept[] = [];
  for (const submodule of await chooseSubmodules(git, paths)) {
    const { path } = submodule;
    const state = await inspectSubmodule(git, submodule);
    if (state.missing) {
      const how = state.broken ? "its repository is damaged" : "it is missing";
      kept.push({ path, reason: `${how}: run llorch git submodules update first` });
      continue;
    }
    try {
      const isNew = await switchTo(git.at(join(git.cwd, path)), branch);
      switched.push({ path, isNew });
    } catch (error) {
      if (!(error instanceof LlorchError)) throw error;
      kept.push({ path, reason: error.message });
    }
  }
  return { switched, kept };
}

async function switchTo(git: Git, branch: string): Promise<boolean> {
  const refs = await git.run(["for-each-ref", "--format=%(refname)", "refs/heads", "refs/remotes"]);
  const isKnown = refs.split("\n").some((ref) =>
    ref === `refs/heads/${branch}` || ref.replace(/^refs\/remotes\/[^/]+\//, "") === branch
  );
  if (!isKnown) {
    await git.run(["switch", "--quiet", "--create", branch]);
    return true;
  }
  // A new branch would keep these commits; a switch elsewhere would leave them behind.
  const loose = await looseCommits(git, await readStatus(git));
  if (loose.length > 0) {
    const { hash, subject } = loose[0]!;
    throw new LlorchError(
      "CONFLICT",
      `commits here are on no branch (${hash.slice(0, 7)} ${subject}): run git branch NAME first`,
    );
  }
  await git.run(["switch", "--quiet", "--no-overwrite-ignore", branch]);
  return false;
}
