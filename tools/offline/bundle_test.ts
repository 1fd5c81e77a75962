import assert from "node:assert/strict";
import { planBundle } from "./bundle.ts";

const HOST = "x86_64-unknown-linux-gnu";

Deno.test("planBundle() takes a platform and a folder", () => {
  const { target, out } = planBundle(["--target=aarch64-apple-darwin", "--out=x"], HOST, "/w");
  assert.equal(target.triple, "aarch64-apple-darwin");
  assert.equal(out, "/w/x");
  assert.match(planBundle([], HOST, "/w").out, /\/dist\/x86_64-unknown-linux-gnu\/packages$/);
});

Deno.test("planBundle() refuses what it would not heed", () => {
  for (const args of [["cli"], ["--runtime=portable"], ["--target=arm"]]) {
    assert.throws(() => planBundle(args, HOST, "/w"), { name: "UsageError" });
  }
});
