import assert from "node:assert/strict";
import { closest } from "./text.ts";

const COMMANDS = ["doctor", "model", "port", "up"];

Deno.test("closest() finds what was meant in spite of a slip", () => {
  assert.equal(closest("doctr", COMMANDS), "doctor");
  assert.equal(closest("docotr", COMMANDS), "doctor");
  assert.equal(closest("prt", COMMANDS), "port");
  assert.equal(closest("u", COMMANDS), "up");
});

Deno.test("closest() says nothing rather than something unlike", () => {
  assert.equal(closest("frobnicate", COMMANDS), undefined);
  assert.equal(closest("xy", COMMANDS), undefined);
  assert.equal(closest("port", []), undefined);
});

Deno.test("closest() takes the first of equals", () => {
  assert.equal(closest("cat", ["car", "can"]), "car");
});
