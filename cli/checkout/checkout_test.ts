import assert from "node:assert/strict";
import { findCheckout } from "./checkout.ts";
import { denoCommand, runDeno } from "./deno.ts";

const files = new Set(["/w/llorch/deno.json", "/w/llorch/cli/main.ts", "/w/other/deno.json"]);
const isFile = (path: string) => files.has(path);

Deno.test("findCheckout() returns the checkout around the folder, otherwise the one that runs", () => {
  assert.equal(findCheckout("/w/llorch/cli/git", "/own", isFile), "/w/llorch");
  assert.equal(findCheckout("/w/llorch", undefined, isFile), "/w/llorch");
  // Another Deno project is not a checkout of llorch.
  assert.equal(findCheckout("/w/other", "/own", isFile), "/own");
});

Deno.test("findCheckout() says what to do without a checkout", () => {
  assert.throws(() => findCheckout("/w/other", undefined, isFile), {
    name: "LlorchError",
    message:
      /^Cannot find a checkout of llorch in or above \/w\/other: change into one, or make one/,
  });
});

Deno.test("a compiled executable uses the deno on PATH, and reports a missing one", async () => {
  assert.equal(denoCommand("compile", "/opt/llorch/llorch"), "deno");
  assert.equal(denoCommand("portable", "/runtime/deno"), "/runtime/deno");
  assert.equal(denoCommand(undefined, "/opt/deno"), "/opt/deno");
  await assert.rejects(runDeno([], ".", { command: "no-deno-here" }), {
    name: "LlorchError",
    message: /^Cannot find no-deno-here: install Deno \d/,
  });
});
