import { columns } from "#shared/columns.ts";
import type { Paint } from "../output/paint.ts";
import { countEntries, type Status } from "./porcelain.ts";
import { describeState, type SubmoduleState } from "./submodules.ts";
import type { Moved, SubmoduleUpdate } from "./update.ts";

/** A commit's hash, shortened for people. */
export function shortHash(hash: string | undefined): string {
  return hash?.slice(0, 7) ?? "-";
}

/** The state of a repository, for people. */
export function renderStatus(
  status: Status,
  submodules: readonly SubmoduleState[],
  paint: Paint,
  width: number | undefined,
): string {
  const { staged, changed, untracked, conflicting } = countEntries(status.entries);
  const rows = [
    ["branch", branchText(status)],
    ["commit", shortHash(status.head)],
    ["staged", String(staged)],
    ["changed", String(changed)],
    ["untracked", String(untracked)],
    ["conflicting", String(conflicting)],
    ...(status.stashes > 0 ? [["stashes", String(status.stashes)]] : []),
  ];
  const lines = columns(rows, { width }).map((line) =>
    conflicting > 0 && line.startsWith("conflicting")
      ? line.replace(/\d+$/, (number) => paint("red", number))
      : line
  );
  const table = renderSubmodules(submodules, paint, width);
  return lines.join("\n") + "\n" + (table === "" ? "" : "\n" + table);
}

function branchText({ branch, upstream, difference }: Status): string {
  const name = branch ?? "none (detached)";
  if (upstream === undefined) return branch === undefined ? name : `${name} (follows no branch)`;
  if (difference === undefined) return `${name} → ${upstream} (gone)`;
  const { ahead, behind } = difference;
  const distance = [ahead > 0 ? `${ahead} ahead` : "", behind > 0 ? `${behind} behind` : ""]
    .filter((part) => part !== "").join(", ");
  return `${name} → ${upstream}, ${distance || "up to date"}`;
}

/** Submodules as a table; nothing when there is none. */
export function renderSubmodules(
  states: readonly SubmoduleState[],
  paint: Paint,
  width: number | undefined,
): string {
  if (states.length === 0) return "";
  const rows = states.map((state) => [
    state.path,
    shortHash(state.commit),
    state.branch ?? (state.detached ? "(detached)" : "-"),
    describeState(state),
  ]);
  const lines = columns([["submodule", "commit", "branch", "state"], ...rows], { width });
  const painted = lines.map((line, index) => {
    if (index === 0) return paint("dim", line);
    const state = rows[index - 1]!.at(-1)!;
    const colour = state === "ok"
      ? "green"
      : /conflicting|missing|broken/.test(state)
      ? "red"
      : "yellow";
    // In a narrow terminal it may continue on the next line.
    if (!line.endsWith(state)) return line;
    return line.slice(0, line.length - state.length) + paint(colour, state);
  });
  return painted.join("\n") + "\n";
}

/** The result of an update, one line for each submodule that was moved or left alone. */
export function describeUpdate({ moved, kept }: SubmoduleUpdate) {
  const from = (each: Moved) => each.from === undefined ? "fetched" : shortHash(each.from);
  return {
    moved: moved.map((each) => `${each.path}: ${from(each)} → ${shortHash(each.to)}`),
    kept: kept.map(({ path, reason }) => `kept ${path}: ${reason}`),
  };
}

/** The state of a submodule, for programs. */
export function submoduleJson(state: SubmoduleState) {
  const { path, url, recorded, commit, branch, detached, ahead, behind, dirty } = state;
  return {
    path,
    url: url ?? null,
    recorded: recorded ?? null,
    commit: commit ?? null,
    branch: branch ?? null,
    detached,
    ahead,
    behind,
    dirty,
    missing: state.missing,
    broken: state.broken,
    conflicting: state.conflicting,
  };
}
