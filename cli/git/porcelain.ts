/** One path that differs from the last commit. */
export interface Entry {
  readonly path: string;
  /** Index against the last commit: `M`, `A`, `D`, `R`, … or `.`. */
  readonly index: string;
  /** Working tree against the index, in the same letters. */
  readonly worktree: string;
  readonly kind: "tracked" | "untracked" | "conflicting";
  /** Whether the path is a submodule. */
  readonly isSubmodule: boolean;
}

/** What `git status --porcelain=v2 --branch --show-stash -z` says. */
export interface Status {
  /** Full hash; undefined before the first commit. */
  readonly head: string | undefined;
  /** Undefined when HEAD is detached. */
  readonly branch: string | undefined;
  readonly upstream: string | undefined;
  /** Commits of ours and of the upstream; undefined when there is none, or it is gone. */
  readonly difference: { readonly ahead: number; readonly behind: number } | undefined;
  readonly stashes: number;
  readonly entries: readonly Entry[];
}

/** Blank-separated fields before the path, by the first character of a record. */
const FIELDS = { "1": 8, "2": 9, "u": 10 } as const;

/**
 * Reads git's porcelain format, version 2, with NUL between the records: any character may stand in
 * a path. Unknown kinds of records are skipped, as git's manual asks.
 */
export function parseStatus(text: string): Status {
  const headers = new Map<string, string>();
  const entries: Entry[] = [];
  const records = text.split("\0");
  for (let at = 0; at < records.length; at++) {
    const record = records[at]!;
    const kind = record[0];
    if (kind === "#") {
      const [, name = "", ...value] = record.split(" ");
      headers.set(name, value.join(" "));
    } else if (kind === "?") {
      entries.push(untracked(record.slice(2)));
    } else if (kind === "1" || kind === "2" || kind === "u") {
      entries.push(changed(record, kind));
      // The former path of a renamed file is a record of its own.
      if (kind === "2") at++;
    }
  }
  return { ...branchOf(headers), stashes: Number(headers.get("stash") ?? 0), entries };
}

function branchOf(headers: ReadonlyMap<string, string>) {
  const oid = headers.get("branch.oid");
  const branch = headers.get("branch.head");
  const difference = /^\+(\d+) -(\d+)$/.exec(headers.get("branch.ab") ?? "");
  return {
    head: oid === "(initial)" ? undefined : oid,
    branch: branch === "(detached)" ? undefined : branch,
    upstream: headers.get("branch.upstream"),
    difference: difference === null
      ? undefined
      : { ahead: Number(difference[1]), behind: Number(difference[2]) },
  };
}

function untracked(path: string): Entry {
  return { path, index: ".", worktree: ".", kind: "untracked", isSubmodule: false };
}

function changed(record: string, kind: keyof typeof FIELDS): Entry {
  const parts = record.split(" ");
  const [, states = "..", submodule = ""] = parts;
  return {
    path: parts.slice(FIELDS[kind]).join(" "),
    index: states[0]!,
    worktree: states[1]!,
    kind: kind === "u" ? "conflicting" : "tracked",
    isSubmodule: submodule.startsWith("S"),
  };
}

/** Number of paths in each state; one that was changed after it was staged counts in both. */
export interface Counts {
  readonly staged: number;
  readonly changed: number;
  readonly untracked: number;
  readonly conflicting: number;
}

/** Counts files. A submodule at another commit does not count, unless that is staged. */
export function countEntries(entries: readonly Entry[]): Counts {
  const count = (is: (entry: Entry) => boolean) => entries.filter(is).length;
  const tracked = (entry: Entry) => entry.kind === "tracked";
  return {
    staged: count((each) => tracked(each) && each.index !== "."),
    changed: count((each) => tracked(each) && each.worktree !== "." && !each.isSubmodule),
    untracked: count(({ kind }) => kind === "untracked"),
    conflicting: count(({ kind }) => kind === "conflicting"),
  };
}

/** Tracked paths with uncommitted content. */
export function localChanges(entries: readonly Entry[]): string[] {
  return entries
    .filter((each) => each.kind !== "untracked" && !(each.isSubmodule && each.index === "."))
    .map(({ path }) => path);
}
