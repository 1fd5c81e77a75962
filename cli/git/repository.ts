import { LlorchError } from "#shared/errors.ts";
import type { Git } from "./git.ts";
import { parseStatus, type Status } from "./porcelain.ts";
import type { Unfinished } from "./unfinished.ts";

/**
 * Git at the top folder of the repository that contains a folder.
 *
 * @throws {LlorchError} when it is in none
 */
export async function openRepository(git: Git): Promise<Git> {
  const root = await git.run(["rev-parse", "--show-toplevel"]);
  return git.at(root.replace(/\n$/, ""));
}

const STATUS = [
  "status",
  "--porcelain=v2",
  "-z",
  "--branch",
  "--show-stash",
  "--untracked-files=all",
];

/** The state of a repository; every untracked file is listed, not only its folder. */
export async function readStatus(git: Git): Promise<Status> {
  const { code, stdout, stderr } = await git.attempt([...STATUS, "--ignore-submodules=none"]);
  if (code === 0) return parseStatus(stdout);
  // A damaged submodule must not hide the state of the repository around it.
  const isInside = /failed in submodule|not a git repository: \S*\/modules\//.test(stderr);
  return parseStatus(
    await git.run([...STATUS, `--ignore-submodules=${isInside ? "dirty" : "none"}`]),
  );
}

/** A commit, as it is shown to people. */
export interface Commit {
  readonly hash: string;
  readonly subject: string;
}

/** Commits of a range, newest first. */
export async function listCommits(git: Git, range: readonly string[]): Promise<Commit[]> {
  const text = await git.run(["log", "-z", "--format=%H %s", ...range, "--"]);
  return text.split("\0").filter((line) => line !== "").map((line) => ({
    hash: line.slice(0, line.indexOf(" ")),
    subject: line.slice(line.indexOf(" ") + 1),
  }));
}

/** A branch that follows another. */
export interface Following {
  readonly branch: string;
  readonly upstream: string;
}

/**
 * The branch that is checked out, and the one that it follows.
 *
 * @param known Branches of the remotes, as {@linkcode knownBranches} gives them.
 * @throws {LlorchError} when either is missing, with what to do about it
 */
export function followingOf(
  { branch, upstream, head }: Status,
  unfinished: Unfinished | undefined,
  known: readonly string[],
): Following {
  if (head === undefined) {
    throw new LlorchError(
      "CONFLICT",
      "Cannot bring the repository up to date: it has no commit yet; make one, or get another " +
        "repository with llorch git clone URL",
    );
  }
  if (branch === undefined && unfinished !== undefined) {
    const { what, goOn, giveUp } = unfinished;
    throw new LlorchError(
      "CONFLICT",
      `Cannot bring the repository up to date: ${what} is not finished; ${goOn}, or ${giveUp}`,
    );
  }
  if (branch === undefined) {
    throw new LlorchError(
      "CONFLICT",
      "Cannot bring the repository up to date: no branch is checked out; run git switch BRANCH first",
    );
  }
  if (upstream === undefined) {
    throw new LlorchError(
      "CONFLICT",
      `Cannot bring ${branch} up to date: it follows no branch; ${howToFollow(branch, known)}`,
    );
  }
  return { branch, upstream };
}

function howToFollow(branch: string, known: readonly string[]): string {
  const same = known.find((each) => each.slice(each.indexOf("/") + 1) === branch);
  if (same !== undefined) return `run git branch --set-upstream-to=${same}`;
  const [other] = known;
  if (other === undefined) return "run git remote add origin URL and git fetch first";
  const remote = other.slice(0, other.indexOf("/"));
  return `no remote has a ${branch}: git push --set-upstream ${remote} ${branch} creates it, or run ` +
    `git branch --set-upstream-to=${other}`;
}

/** The branches of the remotes, as they were last fetched: `origin/main`. */
export async function knownBranches(git: Git): Promise<string[]> {
  const refs = await git.run(["for-each-ref", "--format=%(refname) %(symref)", "refs/remotes"]);
  return refs.split("\n").filter((line) => line.endsWith(" "))
    .map((line) => line.trim().replace("refs/remotes/", ""));
}
