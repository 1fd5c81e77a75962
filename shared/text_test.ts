import assert from "node:assert/strict";
import { closest } from "./text.ts";

const COMMANDS = ["doctor", "model", "port", "up"];

Deno.test("closest() finds the intended word despite a typing error", () => {
  assert.equal(closest("doctr", COMMANDS), "doctor");
  assert.equal(closest("docotr", COMMANDS), "doctor");
  assert.equal(closest("prt", COMMANDS), "port");
  assert.equal(closest("u", COMMANDS), "up");
});

Deno.test("closest() returns nothing if no word is similar", () => {
  assert.equal(closest("frobnicate", COMMANDS), undefined);
  assert.equal(closest("xy", COMMANDS), undefined);
  assert.equal(closest("port", []), undefined);
});

Deno.test("closest() prefers the first of equally close words", () => {
  assert.equal(closest("cat", ["car", "can"]), "car");
});
