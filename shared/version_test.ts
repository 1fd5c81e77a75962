import assert from "node:assert/strict";
import { DENO_VERSION, isNewer, VERSION } from "./version.ts";

Deno.test("the version is a semantic one", () => {
  assert.match(VERSION, /^\d+\.\d+\.\d+(-[\w.]+)?$/);
});

Deno.test("the build machine runs the pinned deno", async () => {
  const script = await Deno.readTextFile(new URL("../.ci/run", import.meta.url));
  assert.ok(script.includes(`deno@${DENO_VERSION} `));
});

Deno.test("isNewer() compares versions by their numbers", () => {
  assert.ok(isNewer("0.10.0", "0.9.5"));
  assert.ok(isNewer("1.0.0", "0.9.5"));
  assert.ok(isNewer("0.9.6-rc.1", "0.9.5"));
  for (const other of ["0.9.5", "0.9.4", "0.8.10", "0", "new"]) assert.ok(!isNewer(other, "0.9.5"));
  assert.ok(!isNewer(VERSION));
});
