import assert from "node:assert/strict";
import { obstacles } from "./obstacles.ts";

const READY = {
  version: "1.2.0",
  changes: "",
  notes: { heading: "1.2.0", text: "- A thing." },
  isTagged: false,
  hasAllTargets: true,
};

Deno.test("obstacles() finds none where all is ready", () => {
  assert.deepEqual(obstacles(READY), []);
});

Deno.test("obstacles() names everything that is in the way of a release", () => {
  const found = obstacles({
    ...READY,
    changes: " M deno.json",
    notes: { heading: "Unreleased", text: "- A thing." },
    isTagged: true,
    hasAllTargets: false,
  });
  assert.equal(found.length, 4);
  assert.match(found.join("\n"), /commit them\n.*no section \[1\.2\.0\].*\n.*tagged.*\n.*platform/);
});
