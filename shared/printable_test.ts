import assert from "node:assert/strict";
import { oneLine, printable } from "./printable.ts";

Deno.test("printable() escapes control characters and keeps lines, tabs and letters", () => {
  assert.equal(printable("a\tb\r\nü 字\n"), "a\tb\r\nü 字\n");
  assert.equal(printable("\u001b[31mred\u0007\r\u009b2J"), "\\x1b[31mred\\x07\\x0d\\x9b2J");
  assert.equal(printable("x\u202egpj.exe"), "x\\u202egpj.exe");
});

Deno.test("printable() keeps our own colour codes where they are allowed, and no others", () => {
  const keepsColours = true;
  assert.equal(printable("\u001b[32mok\u001b[39m", { keepsColours }), "\u001b[32mok\u001b[39m");
  assert.equal(printable("\u001b[2J\u001b[32;5m", { keepsColours }), "\\x1b[2J\\x1b[32;5m");
});

Deno.test("oneLine() escapes line ends and tabs too", () => {
  assert.equal(oneLine("a\r\n\tb\u202ec"), "a\\r\\n\\tb\\u202ec");
});
