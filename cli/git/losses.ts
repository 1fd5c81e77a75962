import type { Git } from "./git.ts";
import { localChanges, type Status } from "./porcelain.ts";
import { isThere } from "./is_there.ts";
import { type Commit, listCommits } from "./repository.ts";

/** What a repository would lose, or has lost. */
export interface Loss {
  /** The submodule, or `.`. */
  readonly repository: string;
  /** Tracked files with uncommitted changes. */
  readonly changes: readonly string[];
  /** Untracked files that are deleted. */
  readonly untracked: readonly string[];
  /** Commits that are on no branch any more; until git collects them, their hashes restore them. */
  readonly commits: readonly Commit[];
}

/**
 * What {@linkcode throwAway} would throw away. Untracked repositories inside stay, as `git clean`
 * leaves them alone.
 */
export async function lossOf(
  git: Git,
  repository: string,
  status: Status,
  commits: readonly Commit[],
): Promise<Loss> {
  const files = status.entries.filter(({ kind }) => kind === "untracked").map(({ path }) => path);
  const nested = await Promise.all(files.map((path) => isNestedRepository(git, path)));
  return {
    repository,
    changes: localChanges(status.entries),
    untracked: files.filter((_, index) => !nested[index]),
    commits,
  };
}

async function isNestedRepository(git: Git, path: string): Promise<boolean> {
  return path.endsWith("/") && await isThere(git, path, ".git");
}

/** Whether nothing would be lost. */
export function isNothing({ changes, untracked, commits }: Loss): boolean {
  return changes.length === 0 && untracked.length === 0 && commits.length === 0;
}

/** Files that a commit adds and that exist now as ignored files. */
export async function ignoredInTheWay(git: Git, target: string): Promise<string[]> {
  const added = await git.run([
    "diff",
    "--no-renames",
    "--name-only",
    "--diff-filter=A",
    "--ignore-submodules=all",
    "-z",
    "HEAD",
    target,
    "--",
  ]);
  const paths = added.split("\0").filter((path) => path !== "");
  if (paths.length === 0) return [];
  const listed = await git.run(["ls-files", "--others", "--ignored", "--exclude-standard", "-z"]);
  const ignored = new Set(listed.split("\0"));
  return paths.filter((path) => ignored.has(path));
}

/** Commits that only a detached HEAD reaches. */
export async function looseCommits(git: Git, status: Status): Promise<Commit[]> {
  if (status.branch !== undefined || status.head === undefined) return [];
  return await listCommits(git, ["HEAD", "--not", "--branches", "--tags", "--remotes"]);
}

/**
 * Makes a repository exactly what a commit says; ignored files stay. Untracked files are removed
 * before the reset, which could change the ignore rules by which they were listed.
 */
export async function throwAway(git: Git, target: string): Promise<void> {
  await git.run(["clean", "--force", "-d", "--quiet"]);
  await git.run(["reset", "--hard", "--quiet", target, "--"]);
}

/** Lines that name everything that is thrown away. */
export function describeLoss({ repository, changes, untracked, commits }: Loss): string[] {
  const where = repository === "." ? "" : `${repository}: `;
  return [
    ...changes.map((path) => `thrown away: ${where}changes of ${path}`),
    ...untracked.map((path) => `thrown away: ${where}file ${path}`),
    ...commits.map(({ hash, subject }) => `thrown away: ${where}commit ${hash} ${subject}`),
  ];
}
