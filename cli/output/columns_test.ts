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
