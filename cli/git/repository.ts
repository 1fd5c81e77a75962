import { join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import type { Git } from "./git.ts";
import { parseStatus, type Status } from "./porcelain.ts";

/**
 * The repository that a folder is in: git at its top.
 *
 * @throws {LlorchError} when it is in none
 */
export async function openRepository(git: Git): Promise<Git> {
  const root = await git.run(["rev-parse", "--show-toplevel"]);
  return git.at(root.replace(/\n$/, ""));
}

/** How a repository stands; every untracked file is named, not just its folder. */
export async function readStatus(git: Git): Promise<Status> {
  return parseStatus(
    await git.run([
      "status",
      "--porcelain=v2",
      "-z",
      "--branch",
      "--show-stash",
      "--untracked-files=all",
      "--ignore-submodules=none",
    ]),
  );
}

/** A commit, as people name it. */
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
 * The branch that is checked out and what it follows.
 *
 * @throws {LlorchError} when there is none, with what to do about it
 */
export function followingOf({ branch, upstream, head }: Status): Following {
  if (head === undefined) {
    throw new LlorchError("CONFLICT", "Cannot bring the repository up to date: it has no commit");
  }
  if (branch === undefined) {
    throw new LlorchError(
      "CONFLICT",
      "Cannot bring the repository up to date: no branch is checked out; git switch BRANCH first",
    );
  }
  if (upstream === undefined) {
    throw new LlorchError(
      "CONFLICT",
      `Cannot bring ${branch} up to date: it follows no branch; git branch --set-upstream-to=origin/${branch}`,
    );
  }
  return { branch, upstream };
}

/** Whether something is at a path of the repository, a dangling link too. */
export async function isThere(git: Git, ...path: readonly string[]): Promise<boolean> {
  try {
    await Deno.lstat(join(git.cwd, ...path));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}
