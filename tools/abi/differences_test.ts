import assert from "node:assert/strict";
import { differences } from "./differences.ts";

Deno.test("a difference is named with both sides", () => {
  assert.deepEqual(differences({ A: { x: "i32", y: null } }, { A: { x: "u32", y: null } }), [
    'A.x: "i32" in abi.ts, "u32" in llama.cpp',
  ]);
  assert.deepEqual(differences({ A: ["i32"] }, { A: ["i32", "bool"] }), [
    'A.1: absent in abi.ts, "bool" in llama.cpp',
  ]);
  assert.deepEqual(differences({ A: { x: 1 } }, { A: {} }), [
    "A.x: 1 in abi.ts, absent in llama.cpp",
  ]);
});

Deno.test("another order is a difference, although each value is the same", () => {
  assert.deepEqual(differences({ A: { x: 1, y: 1 } }, { A: { y: 1, x: 1 } }), [
    "A: another order in llama.cpp",
  ]);
  assert.deepEqual(differences({ A: { x: 1, y: 1 } }, { A: { x: 1, y: 1 } }), []);
});
