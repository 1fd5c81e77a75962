import assert from "node:assert/strict";
import fc from "fast-check";
import { LineCount } from "./line_count.ts";

Deno.test("lines are counted however they arrive; blank ones do not count", () => {
  const text = new TextEncoder().encode('{"a":1}\n\r\n \t\n{"é":2}\r\n\nlast');
  fc.assert(fc.property(fc.array(fc.nat(text.length)), (cuts) => {
    const count = new LineCount();
    const at = [0, ...cuts.sort((a, b) => a - b), text.length];
    for (const [index, end] of at.slice(1).entries()) count.take(text.subarray(at[index], end));
    assert.deepEqual([count.lines, count.longest], [3, 9]);
  }));
});
