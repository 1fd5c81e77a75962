import assert from "node:assert/strict";
import { shownName } from "./shown_name.ts";

const model = {
  model_ref: "hf:org/repo@abc::file=Tiny-1.1B.Q4_K_M.gguf",
  aliases: ["file:/m/t.gguf", "Tiny-1.1B.Q4_K_M", "tiny"],
};

Deno.test("shownName() takes the shortest name that is no path", () => {
  assert.equal(shownName(model), "tiny");
  assert.equal(shownName({ ...model, aliases: ["b-1", "a-1"] }), "a-1");
});

Deno.test("shownName() takes no name that another model has, unless there is no other", () => {
  assert.equal(shownName(model, (name) => name !== "tiny"), "Tiny-1.1B.Q4_K_M");
  assert.equal(shownName(model, (name) => name.startsWith("file:")), "file:/m/t.gguf");
  assert.equal(shownName(model, () => false), model.model_ref);
});
