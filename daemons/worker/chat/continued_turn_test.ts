import assert from "node:assert/strict";
import { outOfThought } from "./continued_turn.ts";

Deno.test("a thought that a template opens before a continued text is closed", () => {
  const turn = { role: "assistant", content: "It is " };
  const syntax = { opens: ["<think>"], closes: ["\n</think>\n"] };
  const out = (prompt: string) => outOfThought(prompt, turn, syntax);
  assert.equal(out("Hi<a><think>\nIt is"), "Hi<a><think>\n\n</think>\nIt is");
  assert.equal(out("Hi<a>It is"), "Hi<a>It is");
  assert.equal(out("Hi<a><think>hm</think>It is"), "Hi<a><think>hm</think>It is");
  assert.equal(out("Hi<a><think>\nIt is<end>"), "Hi<a><think>\nIt is<end>");
  assert.equal(outOfThought("<think>", { role: "assistant", content: "" }, syntax), "<think>");
});
