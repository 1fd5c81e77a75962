import assert from "node:assert/strict";
import { matchStops } from "./stop_match.ts";

Deno.test("matchStops() finds the stop string that begins first", () => {
  assert.deepEqual(matchStops("one two", ["two", "ne"]), { stopAt: 1, stop: "ne", safeUntil: 7 });
});

Deno.test("matchStops() holds back text that may be the beginning of a stop string", () => {
  assert.deepEqual(matchStops("hello\nUs", ["\nUser:"]), {
    stopAt: undefined,
    stop: undefined,
    safeUntil: 5,
  });
  assert.deepEqual(matchStops("aaa", ["aab"]), {
    stopAt: undefined,
    stop: undefined,
    safeUntil: 1,
  });
});

Deno.test("matchStops() without stop strings holds nothing back", () => {
  assert.deepEqual(matchStops("text", []), { stopAt: undefined, stop: undefined, safeUntil: 4 });
});
