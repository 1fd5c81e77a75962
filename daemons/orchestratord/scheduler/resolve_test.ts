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
  return refusalOf(run, name);
}

function refusalOf({ state }: Run, name: string): string {
  try {
    resolveModel(nameIndex(state.pools.values()), name, state);
  } catch (error) {
    assert.ok(error instanceof LlorchError && error.code === "MODEL_NOT_FOUND");
    return error.message;
  }
  throw new Error("it was found");
}

Deno.test("for an impossible name the error gives the file's real name, and suggests no download", () => {
  for (const name of ["with space", "with space.gguf"]) {
    const message = refusal(name);
    // Not the name of the other file, whose short name looks the same.
    assert.match(message, /the model of that file is called "with-space-bbbbbbbb"/);
    assert.doesNotMatch(message, /download/);
  }
  assert.match(refusal("no such"), /GET \/v2\/models lists them/);
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

Deno.test("a download is only suggested for models that can be downloaded", () => {
  assert.match(refusal("hf:org/repo"), /pool: run "llorch models download hf:org\/repo" on a host/);
  assert.match(
    refusal("nope"),
    /run "llorch models download nope" on a host if "llorch models catalog" lists it, or put/,
  );
});

Deno.test("a model that went away is answered with why, however late it is asked for", () => {
  const run = new Run();
  const models = [{ ...model(A), aliases: ["m1"] }];
  run.at(0, pool([], { models }));
  run.at(1_000, pool([], { models: [] }));
  run.at(99_000_000, pool([], { models: [] }), { kind: "tick" });
  const message = refusalOf(run, "m1");
  assert.match(message, /pool p1 no longer has it: its file is gone/);
  assert.doesNotMatch(message, /download/);
  run.at(99_000_001, pool([], { models }));
  assert.equal(resolveModel(nameIndex(run.state.pools.values()), "m1", run.state).fingerprint, A);
});
