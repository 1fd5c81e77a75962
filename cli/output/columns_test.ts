import assert from "node:assert/strict";
import { columns } from "./columns.ts";

Deno.test("columns() puts cells under each other and leaves no blanks at the end", () => {
  assert.deepEqual(columns([["a", "bb", "c"], ["aaa", "b", ""], ["", "b"]]), [
    "a    bb  c",
    "aaa  b",
    "     b",
  ]);
});

Deno.test("columns() of nothing is nothing", () => {
  assert.deepEqual(columns([]), []);
});

Deno.test("columns() keeps what a cell says in its line, and sends no control character on", () => {
  assert.deepEqual(columns([["new\nline\r\n", "x"], ["esc\u001b[31mRED\t", "y"]]), [
    "new\\nline\\r\\n     x",
    "esc\\x1b[31mRED\\t  y",
  ]);
});
