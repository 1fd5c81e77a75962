import assert from "node:assert/strict";
import { lineOf } from "./toml.ts";

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

Deno.test("lineOf() finds keys at the root, in tables, quoted and dotted", () => {
  assert.equal(lineOf(TEXT, ["port"]), 2);
  assert.equal(lineOf(TEXT, ["queue", "capacity"]), 5);
  assert.equal(lineOf(TEXT, ["queue", "odd key"]), 6);
  assert.equal(lineOf(TEXT, ["queue", "limits", "bytes"]), 7);
  assert.equal(lineOf(TEXT, ["queue", "deep", "capacity"]), 10);
});

Deno.test("lineOf() falls back to the table, then to the first line", () => {
  assert.equal(lineOf(TEXT, ["queue", "missing"]), 4);
  assert.equal(lineOf(TEXT, ["queue", "capacity", "0"]), 5);
  assert.equal(lineOf(TEXT, ["nowhere"]), 1);
});
