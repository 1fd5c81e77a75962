import assert from "node:assert/strict";
import { countEntries, localChanges, parseStatus } from "./porcelain.ts";

const A = "5626abf0f72e58d7a153368ba57db4c673c0e171";
const B = "e79e8f6b0e0a1ed4a2ef0f2e6b1f0dd4a0d8c2a7";

/** Recorded output of git 2.39. */
const RECORDED = [
  `# branch.oid ${A}`,
  "# branch.head main",
  "# branch.upstream origin/main",
  "# branch.ab +2 -13",
  "# stash 3",
  `1 M. N... 100644 100644 100644 ${A} ${B} staged and blank.txt`,
  `1 .M N... 100644 100644 100644 ${A} ${A} changed.txt`,
  `1 AM N... 000000 100644 100644 ${"0".repeat(40)} ${B} both.txt`,
  `1 .M S.M. 160000 160000 160000 ${A} ${A} lib`,
  `2 R. N... 100644 100644 100644 ${A} ${A} R100 new\nname.txt`,
  "? old.txt",
  `u UU N... 100644 100644 100644 100644 ${A} ${A} ${B} quarrel.txt`,
  "? dir/untracked.txt",
  "! ignored.txt",
  "",
].join("\0");

Deno.test("parseStatus() reads branch, distance and stashes", () => {
  const { head, branch, upstream, difference, stashes } = parseStatus(RECORDED);
  assert.deepEqual(
    { head, branch, upstream, difference, stashes },
    {
      head: A,
      branch: "main",
      upstream: "origin/main",
      difference: { ahead: 2, behind: 13 },
      stashes: 3,
    },
  );
});

Deno.test("parseStatus() keeps blanks and line breaks of paths and skips a rename's old name", () => {
  assert.deepEqual(parseStatus(RECORDED).entries.map(({ path, kind }) => [path, kind]), [
    ["staged and blank.txt", "tracked"],
    ["changed.txt", "tracked"],
    ["both.txt", "tracked"],
    ["lib", "tracked"],
    ["new\nname.txt", "tracked"],
    ["quarrel.txt", "conflicting"],
    ["dir/untracked.txt", "untracked"],
  ]);
});

Deno.test("countEntries() counts a file once for each of its states, and no moved submodule", () => {
  assert.deepEqual(countEntries(parseStatus(RECORDED).entries), {
    staged: 3,
    changed: 2,
    untracked: 1,
    conflicting: 1,
  });
});

Deno.test("localChanges() lists files with uncommitted changes", () => {
  const { entries } = parseStatus(RECORDED);
  const names = ["staged and blank.txt", "changed.txt", "both.txt", "new\nname.txt", "quarrel.txt"];
  assert.deepEqual(localChanges(entries), names);
  const staged = parseStatus(`1 M. SC.. 160000 160000 160000 ${A} ${B} lib\0`);
  assert.deepEqual(localChanges(staged.entries), ["lib"]);
});

Deno.test("parseStatus() recognises a new repository, a detached head and a deleted upstream", () => {
  const fresh = parseStatus("# branch.oid (initial)\0# branch.head main\0");
  assert.deepEqual([fresh.head, fresh.branch, fresh.upstream], [undefined, "main", undefined]);
  const detached = parseStatus(`# branch.oid ${A}\0# branch.head (detached)\0`);
  assert.equal(detached.branch, undefined);
  const gone = parseStatus(`# branch.head main\0# branch.upstream origin/main\0`);
  assert.deepEqual([gone.upstream, gone.difference], ["origin/main", undefined]);
});
