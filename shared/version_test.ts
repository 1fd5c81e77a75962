import assert from "node:assert/strict";
import { DENO_VERSION, VERSION } from "./version.ts";

Deno.test("the version is a semantic one", () => {
  assert.match(VERSION, /^\d+\.\d+\.\d+(-[\w.]+)?$/);
});

Deno.test("the build machine runs the pinned deno", async () => {
  const script = await Deno.readTextFile(new URL("../.ci/run", import.meta.url));
  assert.ok(script.includes(`deno@${DENO_VERSION} `));
});
