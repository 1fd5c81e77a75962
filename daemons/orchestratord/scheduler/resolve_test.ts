import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { A, B, model, pool, Run } from "../testing/scheduler.ts";
import { nameIndex, resolveModel } from "./resolve.ts";

function refusal(name: string): string {
  const run = new Run();
  const unusable = [
    { name: "broken", path: "/m/broken.gguf", reason: "it is truncated" },
    { name: "cut off", path: "/m/cut off.gguf", reason: "it is truncated" },
  ];
  const models = [
    { ...model(A), model_ref: "file:/m/with-space.gguf", aliases: ["with-space"] },
    { ...model(B), model_ref: "file:/m/with space.gguf", aliases: ["with-space-bbbbbbbb"] },
  ];
  run.at(0, pool([], { models, unusable }));
  const { pools } = run.state;
  try {
    resolveModel(nameIndex(pools.values()), name, pools);
  } catch (error) {
    assert.ok(error instanceof LlorchError && error.code === "MODEL_NOT_FOUND");
    return error.message;
  }
  throw new Error("it was found");
}

Deno.test("a name that nothing can have is answered with what the file is called, not with a download", () => {
  for (const name of ["with space", "with space.gguf"]) {
    const message = refusal(name);
    // Not that of the other file, which looks the same in short.
    assert.match(message, /the file of that name is called "with-space-bbbbbbbb"/);
    assert.doesNotMatch(message, /download/);
  }
  assert.match(refusal("no such"), /GET \/v2\/models tells what files are called/);
  assert.match(refusal("nope"), /run "llorch models download nope" on a host/);
});

Deno.test("the name of a file that cannot be used is answered with the reason", () => {
  for (const name of ["broken", "file:/m/broken.gguf", "cut off", "cut-off"]) {
    assert.match(
      refusal(name),
      /pool p1 has a file of that name that cannot be used: it is truncated/,
    );
  }
});
