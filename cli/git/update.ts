import { join } from "node:path";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { Git } from "./git.ts";
import {
  ignoredInTheWay,
  isNothing,
  looseCommits,
  type Loss,
  lossOf,
  throwAway,
} from "./losses.ts";
import { readStatus } from "./repository.ts";
import { chooseSubmodules, inspectSubmodule, type SubmoduleState } from "./submodules.ts";

/** How submodules are brought to their recorded commits. */
export interface UpdateOptions {
  /** Whether to throw away what is in the way, after it was reported. */
  readonly force: boolean;
  /** Only these, and those inside them; empty: all. */
  readonly paths: readonly string[];
  /** Called with every loss before it happens. */
  readonly onLoss: (loss: Loss) => void;
}

/** A submodule that was moved. */
export interface Moved {
  readonly path: string;
  /** Undefined when it was missing. */
  readonly from: string | undefined;
  readonly to: string;
}

/** A submodule that was left alone. */
export interface Kept {
  readonly path: string;
  readonly reason: string;
}

/** Result of an update of submodules. */
export interface SubmoduleUpdate {
  readonly moved: readonly Moved[];
  readonly kept: readonly Kept[];
}

/**
 * Moves every submodule to the commit that its repository records. Without `force`, one with local
 * work is left alone and listed in the result.
 *
 * @throws {LlorchError} when a path is no submodule
 */
export async function updateSubmodules(git: Git, options: UpdateOptions): Promise<SubmoduleUpdate> {
  const moved: Moved[] = [];
  const kept: Kept[] = [];
  for (const submodule of await chooseSubmodules(git, options.paths)) {
    const { path } = submodule;
    const state = await inspectSubmodule(git, submodule);
    const reason = await updateOne(git, state, options, moved);
    if (reason !== undefined) kept.push({ path, reason });
    if (state.missing && reason !== undefined) continue;
    const inner = await updateSubmodules(git.at(join(git.cwd, path)), {
      force: options.force,
      paths: [],
      onLoss: (loss) => options.onLoss({ ...loss, repository: inside(path, loss.repository) }),
    });
    moved.push(...inner.moved.map((each) => ({ ...each, path: inside(path, each.path) })));
    kept.push(...inner.kept.map((each) => ({ ...each, path: inside(path, each.path) })));
  }
  return { moved, kept };
}

function inside(outer: string, path: string): string {
  return path === "." ? outer : `${outer}/${path}`;
}

/**
 * 1. Conflicting: only the user can choose.
 * 2. Missing: fetch it, unless something else is in its place.
 * 3. With force: report local work, then throw it away.
 * 4. At the recorded commit: done.
 * 5. With local work: leave it alone.
 * 6. Move it.
 *
 * @returns why it was left alone
 */
async function updateOne(
  git: Git,
  state: SubmoduleState,
  { force, onLoss }: UpdateOptions,
  moved: Moved[],
): Promise<string | undefined> {
  const { path, recorded, commit, missing, broken } = state;
  // 1.
  if (recorded === undefined) return "its versions conflict: git add the one that you want";
  const checkOut = async () => {
    try {
      await git.talk(checkoutArgs(path, force));
    } catch (error) {
      if (!(error instanceof LlorchError)) throw error;
      return errorMessage(error);
    }
    moved.push({ path, from: commit, to: recorded });
    return undefined;
  };
  // 2.
  if (missing) {
    if (broken) {
      return `its repository is damaged: move ${path} elsewhere, then llorch git submodules update`;
    }
    if (state.url === undefined) return ".gitmodules has no address for it";
    if (!await isEmpty(join(git.cwd, path))) {
      return `files of your own are in its place: move ${path} elsewhere, then ` +
        "llorch git submodules update";
    }
    return await checkOut();
  }
  // 3.
  const submodule = git.at(join(git.cwd, path));
  const overwritten = commit === recorded ? [] : await filesInTheWay(submodule, recorded);
  if (force) {
    const status = await readStatus(submodule);
    const commits = commit === recorded ? [] : await looseCommits(submodule, status);
    const loss = await lossOf(submodule, path, status, commits);
    const whole = { ...loss, untracked: [...loss.untracked, ...overwritten] };
    if (!isNothing(whole)) onLoss(whole);
    await throwAway(submodule, "HEAD");
  }
  // 4.
  if (commit === recorded) return undefined;
  // 5.
  if (!force) {
    if (overwritten.length > 0) return `a file of your own is in the way: ${overwritten[0]}`;
    // Inspected again, because the recorded commit may have been fetched since.
    const reason = await workInside(submodule, await inspectSubmodule(git, state));
    if (reason !== undefined) return reason;
  }
  // 6.
  return await checkOut();
}

async function isEmpty(folder: string): Promise<boolean> {
  try {
    for await (const _ of Deno.readDir(folder)) return false;
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    if (error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

/**
 * Ignored files that a checkout of the recorded commit would silently overwrite. That commit is
 * fetched for this check; where that fails, the checkout will report it.
 */
async function filesInTheWay(submodule: Git, recorded: string): Promise<string[]> {
  const has = async () =>
    (await submodule.attempt(["cat-file", "-e", `${recorded}^{commit}`])).code === 0;
  if (!await has()) {
    try {
      await submodule.talk(["fetch", "--progress", "--no-recurse-submodules"]);
    } catch (error) {
      if (!(error instanceof LlorchError)) throw error;
      return [];
    }
  }
  return await has() ? await ignoredInTheWay(submodule, recorded) : [];
}

function checkoutArgs(path: string, force: boolean): string[] {
  return [
    "--literal-pathspecs",
    "submodule",
    "update",
    "--init",
    "--checkout",
    "--progress",
    ...(force ? ["--force"] : []),
    "--",
    path,
  ];
}

/** Local work that a move would endanger or hide; undefined when there is none. */
async function workInside(git: Git, { changes, ahead }: SubmoduleState) {
  if (changes.length > 0) {
    const more = changes.length > 1 ? ` and ${changes.length - 1} more` : "";
    return `local changes in ${changes[0]}${more}`;
  }
  const loose = await looseCommits(git, await readStatus(git));
  if (loose.length > 0) {
    const { hash, subject } = loose[0]!;
    const count = loose.length === 1 ? "a commit" : `${loose.length} commits`;
    return `${count} on no branch, ${hash.slice(0, 7)} ${subject}`;
  }
  if (ahead) return `${ahead} ${ahead === 1 ? "commit" : "commits"} ahead of the recorded one`;
  return undefined;
}
