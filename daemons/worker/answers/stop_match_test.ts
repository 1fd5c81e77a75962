import assert from "node:assert/strict";
import fc from "fast-check";
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

Deno.test("matchStops() finds in texts that repeat themselves what a plain search finds", () => {
  const repeating = (minLength: number) =>
    fc.string({ unit: fc.constantFrom("a", "b"), minLength, maxLength: 12 });
  fc.assert(
    fc.property(repeating(0), repeating(1), (text, stop) => {
      const at = text.indexOf(stop);
      const begins = [...text].findIndex((_, index) => {
        const rest = text.slice(index);
        return rest !== stop && stop.startsWith(rest);
      });
      assert.deepEqual(matchStops(text, [stop]), {
        stopAt: at < 0 ? undefined : at,
        stop: at < 0 ? undefined : stop,
        safeUntil: begins < 0 ? text.length : begins,
      });
    }),
    { numRuns: 2000 },
  );
});
