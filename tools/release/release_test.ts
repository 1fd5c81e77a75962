import assert from "node:assert/strict";
import { findTarget, TARGETS } from "../build/targets.ts";
import { releaseBuild } from "./release.ts";

const files = (triple: string) =>
  releaseBuild(findTarget(triple), "/dist", "auto").artifacts.map(({ file }) => file);

Deno.test("a release has the worker of each backend", () => {
  assert.deepEqual(files("x86_64-unknown-linux-gnu").filter((file) => file.includes("candled")), [
    ...["llorch-candled-cpu", "llorch-candled-cuda", "llorch-candled-vulkan"],
  ]);
  for (const { triple, backends } of TARGETS) {
    const workers = files(triple).filter((file) => file.startsWith("llorch-candled-"));
    assert.equal(workers.length, Object.keys(backends).length, triple);
  }
});
