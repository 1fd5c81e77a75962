import assert from "node:assert/strict";
import stringWidth from "string-width";
import { columns, table } from "./columns.ts";

Deno.test("columns() aligns cells and leaves no trailing blanks", () => {
  assert.deepEqual(columns([["a", "bb", "c"], ["aaa", "b", ""], ["", "b"]]), [
    "a    bb  c",
    "aaa  b",
    "     b",
  ]);
});

Deno.test("columns() of no rows is empty", () => {
  assert.deepEqual(columns([]), []);
});

Deno.test("columns() keeps each cell in its line, and passes no control character on", () => {
  assert.deepEqual(columns([["new\nline\r\n", "x"], ["esc\u001b[31mRED\t", "y"]]), [
    "new\\nline\\r\\n     x",
    "esc\\x1b[31mRED\\t  y",
  ]);
});

Deno.test("columns() counts wide characters as two columns and combining marks as none", () => {
  assert.deepEqual(columns([["模型", "x"], ["e\u0301a", "y"], ["🦙", "z"]]), [
    "模型  x",
    "e\u0301a    y",
    "🦙    z",
  ]);
});

Deno.test("columns() wraps cells if the terminal is too narrow, and loses nothing", () => {
  const rows = [["ID", "MODEL", "WHY"], ["w-1", "a-model-with-a-long-name", "it has no room here"]];
  assert.deepEqual(columns(rows, { width: 30 }), [
    "ID   MODEL        WHY",
    "w-1  a-model-wit  it has no\n     h-a-long-na  room here\n     me",
  ]);
  for (const line of columns([...rows, ["w-2", "模型".repeat(9), "x"]], { width: 30 })) {
    for (const part of line.split("\n")) assert.ok(stringWidth(part) <= 30, part);
  }
  // A name must stay whole, as people copy it into the next command.
  assert.match(
    columns([["job-0123456789", "x".repeat(40)]], { width: 30 })[0]!,
    /^job-0123456789 /,
  );
});

Deno.test("columns() for a pipe has one line per row, however long", () => {
  assert.deepEqual(columns([["a", "b".repeat(500)]]), ["a  " + "b".repeat(500)]);
});

Deno.test("table() never breaks a row's name, and is never wider than the terminal", () => {
  const names = ["JOB", "STATUS", "MODEL", "TOKENS"];
  const rows = [["job-0123456789", "completed", "counter", "40"], [
    "job-9876543210",
    "failed",
    "",
    "",
  ]];
  assert.deepEqual(table(names, rows, { width: 60 }), columns([names, ...rows]));
  assert.deepEqual(table(names, rows, { width: 30, head: (text) => `<${text}>` }), [
    "<JOB\n  STATUS     MODEL    TOKENS>",
    "job-0123456789\n  completed  counter  40",
    "job-9876543210\n  failed",
  ]);
  assert.deepEqual(table(names, rows, { width: 22, head: (text) => `<${text}>` }), [
    "job-0123456789\n  STATUS  completed\n  MODEL   counter\n  TOKENS  40",
    "job-9876543210\n  STATUS  failed",
  ]);
  assert.deepEqual(table(names, rows), columns([names, ...rows]));
});
