import { LlorchError } from "#shared/errors.ts";
import type { Git } from "./git.ts";
import { ignoredInTheWay, isNothing, type Loss, lossOf, throwAway } from "./losses.ts";
import { countEntries, localChanges, type Status } from "./porcelain.ts";
import { refuseOverlooked } from "./overlooked.ts";
import { clearReplaced } from "./replaced.ts";
import { followingOf, knownBranches, listCommits, readStatus } from "./repository.ts";
import { findUnfinished, type Unfinished } from "./unfinished.ts";
import { type SubmoduleUpdate, updateSubmodules } from "./update.ts";

/** How a repository is brought up to date. */
export interface SyncOptions {
  /** Whether to refuse when a tracked file has local changes. */
  readonly strict: boolean;
  /** Whether to throw away what is in the way, after it was reported. */
  readonly force: boolean;
  /** Called with every loss before it happens. */
  readonly onLoss: (loss: Loss) => void;
}

/** Result of bringing a repository up to date. */
export interface Synced {
  readonly branch: string;
  readonly upstream: string;
  readonly from: string;
  readonly to: string;
  /** Commits that came in. */
  readonly commits: number;
  /** Commits that the upstream lacks. */
  readonly ahead: number;
  readonly submodules: SubmoduleUpdate;
}

/**
 * Fetches, moves the branch forward to its upstream, then its submodules to the commits recorded.
 *
 * @throws {LlorchError} when that would touch local work and `force` is not given
 */
export async function syncRepository(git: Git, options: SyncOptions): Promise<Synced> {
  const { force, strict, onLoss } = options;
  const before = await readStatus(git);
  const unfinished = await findUnfinished(git);
  const { branch, upstream } = followingOf(before, unfinished, await knownBranches(git));
  if (!force) refuseLocal(before, strict, unfinished);
  await git.talk(["fetch", "--progress", "--no-recurse-submodules"]);

  const status = await readStatus(git);
  if (status.difference === undefined) {
    throw new LlorchError(
      "NOT_FOUND",
      `Cannot bring ${branch} up to date: its upstream ${upstream} is gone; set another with git branch --set-upstream-to=…`,
    );
  }
  const { ahead, behind } = status.difference;
  if (force) await reset(git, status, onLoss);
  else if (ahead > 0 && behind > 0) {
    throw new LlorchError(
      "CONFLICT",
      `${branch} and ${upstream} have diverged, ${ahead} commits here and ${behind} there: ` +
        "git rebase or git merge, or throw yours away with llorch git sync --force",
    );
  } else if (behind > 0) {
    await refuseOverlooked(git, "@{upstream}");
    await clearReplaced(git, "@{upstream}", { force, onLoss });
    await git.run(["merge", "--ff-only", "--no-overwrite-ignore", "--quiet", "@{upstream}"]);
  }
  const submodules = await updateSubmodules(git, { force, paths: [], onLoss });
  const to = (await git.run(["rev-parse", "HEAD"])).trim();
  const from = status.head!;
  return { branch, upstream, from, to, commits: behind, ahead: force ? 0 : ahead, submodules };
}

/** For conflicts that leave no file in git's folder, such as those of `git stash pop`. */
const STASH: Unfinished = { what: "a merge", goOn: "git add them", giveUp: "git reset --merge" };

function refuseLocal(
  { entries }: Status,
  strict: boolean,
  unfinished: Unfinished | undefined,
): void {
  const { conflicting } = countEntries(entries);
  const changes = localChanges(entries);
  const named = changes.slice(0, 3).join(", ") + (changes.length > 3 ? ", …" : "");
  if (conflicting > 0) {
    const { what, goOn, giveUp } = unfinished ?? STASH;
    throw new LlorchError(
      "CONFLICT",
      `${what[0]!.toUpperCase()}${what.slice(1)} is not finished (${named}): ` +
        `settle the conflicts and ${goOn}, or ${giveUp}`,
    );
  }
  if (strict && changes.length > 0) {
    throw new LlorchError(
      "CONFLICT",
      `There are local changes (${named}): commit or stash them, ` +
        "or throw them away with llorch git sync --force",
    );
  }
}

async function reset(git: Git, status: Status, onLoss: (loss: Loss) => void): Promise<void> {
  const commits = await listCommits(git, ["@{upstream}..HEAD"]);
  await refuseOverlooked(git, "@{upstream}");
  const loss = await lossOf(git, ".", status, commits);
  const overwritten = await ignoredInTheWay(git, "@{upstream}");
  const whole = { ...loss, untracked: [...loss.untracked, ...overwritten] };
  if (!isNothing(whole)) onLoss(whole);
  await clearReplaced(git, "@{upstream}", { force: true, onLoss });
  await throwAway(git, "@{upstream}");
}
