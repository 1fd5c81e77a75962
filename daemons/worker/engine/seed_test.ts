import assert from "node:assert/strict";
import fc from "fast-check";
import { randomSeed, seedAt } from "./seed.ts";

const seed = fc.integer({ min: 0, max: 0xffffffff });

Deno.test("seedAt() depends only on seed and position, and is a seed that llama.cpp does not change", () => {
  fc.assert(fc.property(seed, fc.nat(), (given, position) => {
    const value = seedAt(given, position);
    assert.equal(value, seedAt(given, position));
    assert.ok(Number.isInteger(value) && value >= 0 && value < 0xffffffff);
  }));
});

Deno.test("seedAt() differs from token to token and from seed to seed", () => {
  const values = new Set<number>();
  for (let given = 0; given < 100; given++) {
    for (let position = 0; position < 100; position++) values.add(seedAt(given, position));
  }
  assert.ok(values.size > 9_990, `only ${values.size} of 10000 differ`);
});

Deno.test("randomSeed() is a seed", () => {
  assert.ok(randomSeed() < 0xffffffff);
});
