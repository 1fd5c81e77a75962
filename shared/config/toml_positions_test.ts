import assert from "node:assert/strict";
import { lineOf, scanToml } from "./toml_positions.ts";

const TEXT = `# thing
port = 1

[queue]
capacity = 2 # jobs
"odd key" = 3
limits.bytes = 4

[queue.deep]
capacity = 5

[[pools]]
name = "a"
`;

const MARKS = scanToml(TEXT);

Deno.test("lineOf() finds keys at the root, in tables, quoted and dotted", () => {
  assert.equal(lineOf(MARKS, ["port"]), 2);
  assert.equal(lineOf(MARKS, ["queue", "capacity"]), 5);
  assert.equal(lineOf(MARKS, ["queue", "odd key"]), 6);
  assert.equal(lineOf(MARKS, ["queue", "limits", "bytes"]), 7);
  assert.equal(lineOf(MARKS, ["queue", "deep", "capacity"]), 10);
});

Deno.test("lineOf() falls back to the table, then to the first line", () => {
  assert.equal(lineOf(MARKS, ["queue", "missing"]), 4);
  assert.equal(lineOf(MARKS, ["queue", "capacity", "0"]), 5);
  assert.equal(lineOf(MARKS, ["nowhere"]), 1);
});

Deno.test("lineOf() reads no keys in strings, and compares names after unescaping", () => {
  const marks = scanToml(
    'note = """\nport = 1\n"""\nport = 2\n"a\\u0062" = 3\n["x.y]".z] # ]\nb = 4\n',
  );
  assert.equal(lineOf(marks, ["port"]), 4);
  assert.equal(lineOf(marks, ["ab"]), 5);
  assert.equal(lineOf(marks, ["x.y]", "z", "b"]), 7);
});

Deno.test("scanToml() returns where a value, its comments and its lines begin and end", () => {
  const text = "[a.b] # one\r\n  c.d = [ # two\r\n    0, # three \r\n  ] # four\r\n";
  const [table, key] = scanToml(text);
  assert.ok(table?.kind === "table" && key?.kind === "key");
  assert.deepEqual(table.path, ["a", "b"]);
  assert.equal(text.slice(table.start, table.end), "[a.b] # one\r\n");
  assert.equal(table.comment, "# one\r\n");
  assert.deepEqual([key.path, key.depth, key.line], [["a", "b", "c", "d"], 2, 2]);
  assert.equal(text.slice(key.start), text.slice(key.start, key.end));
  assert.equal(text.slice(key.start, key.valueStart), "  c.d = ");
  assert.match(text.slice(key.valueStart, key.valueEnd), /^\[[^]*\]$/);
  assert.deepEqual(key.inside, ["# two", "# three"]);
  assert.equal(key.comment, "# four\r\n");
});

Deno.test("scanToml() reads a text with a byte order mark, and one that ends with a zero", () => {
  const text = "\uFEFFa = 1\nb = 0";
  const values = scanToml(text).map((mark) =>
    mark.kind === "key" && text.slice(mark.valueStart, mark.valueEnd)
  );
  assert.deepEqual(values, ["1", "0"]);
});

Deno.test("scanToml() finds nothing in a text that its parser refuses", () => {
  assert.deepEqual(scanToml("day = 2026-02-30"), []);
});
