import assert from "node:assert/strict";
import { describeState, parseGitlinks, parseUrls, type SubmoduleState } from "./submodules.ts";

const A = "5626abf0f72e58d7a153368ba57db4c673c0e171";
const B = "e79e8f6b0e0a1ed4a2ef0f2e6b1f0dd4a0d8c2a7";

Deno.test("parseGitlinks() returns only submodules, a conflicting one once", () => {
  const index = [
    `100644 ${A} 0\ta.txt`,
    `160000 ${A} 0\tvendor/my lib`,
    `160000 ${A} 2\tquarrel`,
    `160000 ${B} 3\tquarrel`,
    "",
  ].join("\0");
  assert.deepEqual(parseGitlinks(index), [
    { path: "vendor/my lib", recorded: A, conflicting: false },
    { path: "quarrel", recorded: undefined, conflicting: true },
  ]);
});

Deno.test("parseUrls() finds addresses by path, whatever the name", () => {
  const config = [
    "submodule.a.b c.path\nvendor/my lib",
    "submodule.a.b c.url\nhttps://example.org/lib.git",
    "submodule.half.path\nx",
    "core.bare\nfalse",
    "",
  ].join("\0");
  assert.deepEqual([...parseUrls(config)], [["vendor/my lib", "https://example.org/lib.git"]]);
});

const AT_HOME: SubmoduleState = {
  path: "lib",
  url: undefined,
  recorded: A,
  conflicting: false,
  missing: false,
  broken: false,
  commit: A,
  branch: undefined,
  detached: true,
  ahead: 0,
  behind: 0,
  dirty: 0,
  changes: [],
};

Deno.test("describeState() describes a state as text", () => {
  const say = (change: Partial<SubmoduleState>) => describeState({ ...AT_HOME, ...change });
  assert.equal(say({}), "ok");
  assert.equal(say({ commit: B, behind: 2, dirty: 1 }), "behind 2, dirty (1 file)");
  assert.equal(say({ commit: B, ahead: 1, behind: 3 }), "behind 3, ahead 1");
  assert.equal(
    say({ commit: B, ahead: null, behind: null }),
    "behind (the recorded commit is not fetched)",
  );
  assert.equal(say({ missing: true, commit: undefined }), "missing");
  assert.equal(say({ missing: true, broken: true, commit: undefined }), "broken");
  assert.equal(say({ conflicting: true, recorded: undefined }), "conflicting");
});
