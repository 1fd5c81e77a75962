import assert from "node:assert/strict";
import { join } from "node:path";
import * as written from "../../daemons/worker/engine/libllama/c/abi.ts";
import { formatted } from "../formatted.ts";
import { llamaRelease } from "../llama_bundle.ts";
import { ROOT } from "../repo.ts";
import { abiModule, abiOf } from "./module.ts";

Deno.test("abi.ts read and written again is the same text", async () => {
  const text = await formatted(abiModule(abiOf(written), await llamaRelease()), "ts");
  const file = join(ROOT, "daemons/worker/engine/libllama/c/abi.ts");
  assert.equal(text, await Deno.readTextFile(file));
});

Deno.test("a structure by value is named, not repeated", () => {
  assert.deepEqual(abiOf(written).LLAMA_FUNCTIONS.llama_decode, {
    parameters: ["pointer", { struct: "llama_batch" }],
    result: "i32",
  });
});
