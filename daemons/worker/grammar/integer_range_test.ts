import assert from "node:assert/strict";
import fc from "fast-check";
import { integerRange } from "./integer_range.ts";

const LARGEST = Number.MAX_SAFE_INTEGER - 1;

/**
 * Checks a text against the grammar as a regular expression: they differ only in quotes and spaces.
 */
function taker(min: number, max: number): (text: string) => boolean {
  const grammar = integerRange(min, max);
  assert.ok(grammar, `${min} to ${max}`);
  const pattern = new RegExp(`^${grammar.replace(/[" ]/g, "")}$`);
  return (text) => pattern.test(text);
}

/** Integers, with all lengths equally likely. */
const integer = fc.tuple(fc.integer({ min: 0, max: 15 }), fc.maxSafeInteger()).map(
  ([digits, value]) => value % 10 ** digits,
);

Deno.test("integerRange() accepts exactly the integers between its bounds", () => {
  const property = fc.property(integer, integer, fc.array(integer), (a, b, others) => {
    const [min, max] = a < b ? [a, b] : [b, a];
    const takes = taker(min, max);
    const near = [min, max, 0, Math.trunc((min + max) / 2)].flatMap((at) => [at - 1, at, at + 1]);
    for (const value of [...near, ...others].filter((each) => Math.abs(each) <= LARGEST)) {
      assert.equal(takes(String(value)), value >= min && value <= max, `${value} in ${min}…${max}`);
    }
    for (const text of ["-0", "00", "01", `0${max}`, "", "-", "1.0"]) assert.ok(!takes(text), text);
  });
  fc.assert(property, { numRuns: 2000 });
});

Deno.test("integerRange() accepts each integer of small ranges in one way", () => {
  for (let min = -130; min <= 130; min += 7) {
    for (let max = min; max <= 130; max += 3) {
      const takes = taker(min, max);
      for (let value = -1100; value <= 1100; value++) {
        assert.equal(takes(String(value)), value >= min && value <= max, `${value}: ${min}…${max}`);
      }
    }
  }
});

Deno.test("integerRange() rounds bounds inwards and draws far ones in to 64 bits", () => {
  const takes = taker(0.5, 2.5);
  assert.deepEqual(["0", "1", "2", "3"].map(takes), [false, true, true, false]);
  const any = taker(-Infinity, Infinity);
  const [smallest, largest] = [-(2n ** 63n), 2n ** 63n - 1n];
  for (const value of [smallest, smallest + 1n, 0n, largest - 1n, largest]) {
    assert.ok(any(String(value)), String(value));
  }
  for (const value of [smallest - 1n, largest + 1n, -(2n ** 64n), 2n ** 64n]) {
    assert.ok(!any(String(value)), String(value));
  }
  assert.equal(integerRange(2, 1), undefined);
  assert.equal(integerRange(1.2, 1.8), undefined);
  assert.equal(integerRange(1e20, Infinity), undefined);
});

Deno.test("integerRange() takes integers of 64 bits without a sign where a bound says so", () => {
  // JSON.parse makes 2^63 and 2^64 of the largest ones.
  const signed = taker(0, Number("9223372036854775807"));
  assert.deepEqual(["9223372036854775807", "9223372036854775808"].map(signed), [true, false]);
  const unsigned = taker(0, Number("18446744073709551615"));
  assert.deepEqual(["18446744073709551615", "18446744073709551616"].map(unsigned), [true, false]);
});
