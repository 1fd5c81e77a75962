import assert from "node:assert/strict";
import { cloneFolder } from "./clone.ts";

Deno.test("cloneFolder() names the folder as git does", () => {
  assert.equal(cloneFolder("https://example.org/a/llorch.git"), "llorch");
  assert.equal(cloneFolder("https://example.org/a/llorch/"), "llorch");
  assert.equal(cloneFolder("git@example.org:llorch.git"), "llorch");
  assert.equal(cloneFolder("/srv/llorch/.git"), "llorch");
  assert.equal(cloneFolder(".."), undefined);
  assert.equal(cloneFolder(""), undefined);
});
