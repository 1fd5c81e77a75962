import { join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import type { Git } from "./git.ts";
import { countEntries, localChanges } from "./porcelain.ts";
import { isThere } from "./is_there.ts";
import { readStatus } from "./repository.ts";

/** A submodule as the repository around it records it. */
export interface Submodule {
  /** From the root of the outermost repository. */
  readonly path: string;
  readonly url: string | undefined;
  /** The commit that it should be at; undefined while versions conflict. */
  readonly recorded: string | undefined;
  /** Whether its recorded commit has a merge conflict. */
  readonly conflicting: boolean;
}

/** The state of a submodule. */
export interface SubmoduleState extends Submodule {
  /** Whether it has not been fetched, or cannot be used. */
  readonly missing: boolean;
  /** Whether it is there, but its repository is damaged: git cannot work in it. */
  readonly broken: boolean;
  readonly commit: string | undefined;
  /** Undefined when it is detached, as `git submodule update` leaves it. */
  readonly branch: string | undefined;
  readonly detached: boolean;
  /** Commits that the recorded one lacks; null when that one has not been fetched. */
  readonly ahead: number | null;
  /** Commits of the recorded one that are not here; null when it has not been fetched. */
  readonly behind: number | null;
  /** Number of files with local changes, including untracked ones. */
  readonly dirty: number;
  /** Those of them that are tracked. */
  readonly changes: readonly string[];
}

/** The submodules that a repository records, without those inside them. */
export async function listSubmodules(git: Git): Promise<Submodule[]> {
  const [index, urls] = await Promise.all([
    git.run(["ls-files", "--stage", "-z"]),
    readUrls(git),
  ]);
  return parseGitlinks(index).map((each) => ({ ...each, url: urls.get(each.path) }));
}

/**
 * The submodules at some paths; without paths all.
 *
 * @throws {LlorchError} when there is none at a path
 */
export async function chooseSubmodules(git: Git, paths: readonly string[]): Promise<Submodule[]> {
  const submodules = await listSubmodules(git);
  for (const path of paths) {
    if (submodules.some((each) => each.path === path)) continue;
    const known = submodules.map((each) => each.path).join(", ") || "none";
    throw new LlorchError("NOT_FOUND", `Cannot find the submodule "${path}": there is ${known}`);
  }
  return submodules.filter(({ path }) => paths.length === 0 || paths.includes(path));
}

/** Mode of a submodule in git's index. */
const GITLINK = "160000";

/** The submodules of `git ls-files --stage -z`. */
export function parseGitlinks(index: string): Omit<Submodule, "url">[] {
  const links = new Map<string, Omit<Submodule, "url">>();
  for (const record of index.split("\0")) {
    const [facts = "", path = ""] = splitOnce(record, "\t");
    const [mode, commit, stage] = facts.split(" ");
    if (mode !== GITLINK) continue;
    const conflicting = stage !== "0";
    links.set(path, { path, recorded: conflicting ? undefined : commit, conflicting });
  }
  return [...links.values()];
}

/** Addresses by path, out of `.gitmodules`. */
async function readUrls(git: Git): Promise<Map<string, string>> {
  if (!await isThere(git, ".gitmodules")) return new Map();
  const { code, stdout } = await git.attempt(["config", "-z", "--file", ".gitmodules", "--list"]);
  return code === 0 ? parseUrls(stdout) : new Map();
}

/** Addresses by path, out of `git config -z --list`. */
export function parseUrls(config: string): Map<string, string> {
  const byName = new Map<string, { path?: string; url?: string }>();
  for (const record of config.split("\0")) {
    const [key, value] = splitOnce(record, "\n");
    const [, name, field] = /^submodule\.([\s\S]+)\.(path|url)$/.exec(key) ?? [];
    if (name === undefined || field === undefined) continue;
    byName.set(name, { ...byName.get(name), [field]: value });
  }
  const urls = [...byName.values()].flatMap(({ path, url }) =>
    path === undefined || url === undefined ? [] : [[path, url] as const]
  );
  return new Map(urls);
}

/** Reads the state of one submodule. */
export async function inspectSubmodule(git: Git, submodule: Submodule): Promise<SubmoduleState> {
  const { path, recorded } = submodule;
  const absent: SubmoduleState = {
    ...submodule,
    missing: true,
    broken: false,
    commit: undefined,
    branch: undefined,
    detached: false,
    ahead: null,
    behind: null,
    dirty: 0,
    changes: [],
  };
  // In an empty folder git would find the repository around it.
  if (!await isThere(git, path, ".git")) return absent;
  const inside = git.at(join(git.cwd, path));
  if ((await inside.attempt(["rev-parse", "--git-dir"])).code !== 0) {
    return { ...absent, broken: true };
  }
  const { head, branch, entries } = await readStatus(inside);
  const { staged, changed, untracked, conflicting } = countEntries(entries);
  return {
    ...absent,
    ...await distance(inside, recorded, head),
    missing: false,
    commit: head,
    branch,
    detached: branch === undefined,
    dirty: Math.max(staged, changed) + untracked + conflicting,
    changes: localChanges(entries),
  };
}

async function distance(git: Git, recorded: string | undefined, head: string | undefined) {
  if (recorded === head) return { ahead: 0, behind: 0 };
  const unknown = { ahead: null, behind: null };
  if (recorded === undefined || head === undefined) return unknown;
  const range = `${recorded}...${head}`;
  const { code, stdout } = await git.attempt(["rev-list", "--left-right", "--count", range, "--"]);
  if (code !== 0) return unknown;
  const [behind = 0, ahead = 0] = stdout.trim().split("\t").map(Number);
  return { ahead, behind };
}

/** Reads the state of every submodule; those inside another come after it. */
export async function inspectSubmodules(git: Git): Promise<SubmoduleState[]> {
  const states = await Promise.all(
    (await listSubmodules(git)).map(async (submodule) => {
      const state = await inspectSubmodule(git, submodule);
      if (state.missing) return [state];
      const inner = await inspectSubmodules(git.at(join(git.cwd, state.path)));
      return [state, ...inner.map((each) => ({ ...each, path: `${state.path}/${each.path}` }))];
    }),
  );
  return states.flat();
}

/** The state as text, the worst first; `ok` when it is as recorded. */
export function describeState(state: SubmoduleState): string {
  const { missing, broken, conflicting, ahead, behind, dirty, commit, recorded } = state;
  const isElsewhere = commit !== undefined && recorded !== undefined && commit !== recorded;
  const words = [
    conflicting ? "conflicting" : "",
    broken ? "broken" : missing ? "missing" : "",
    isElsewhere && behind === null ? "behind (the recorded commit is not fetched)" : "",
    behind ? `behind ${behind}` : "",
    ahead ? `ahead ${ahead}` : "",
    dirty ? `dirty (${dirty} ${dirty === 1 ? "file" : "files"})` : "",
  ].filter((word) => word !== "");
  return words.length === 0 ? "ok" : words.join(", ");
}

function splitOnce(text: string, by: string): [string, string] {
  const at = text.indexOf(by);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + by.length)];
}
