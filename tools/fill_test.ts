import assert from "node:assert/strict";
import { fill } from "./fill.ts";

Deno.test("fill() puts values in the place of their names, and leaves other text alone", () => {
  assert.equal(fill("@A@ of @B_2@, a@b.c, $@", { A: "1", B_2: "$&" }), "1 of $&, a@b.c, $@");
});

Deno.test("fill() names a word that has no value", () => {
  assert.throws(() => fill("@MISSING@", {}), /a word without a value: @MISSING@/);
});
