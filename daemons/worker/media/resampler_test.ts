import assert from "node:assert/strict";
import { seededRandom } from "../../../tests/support/random.ts";
import { tone } from "../../../tests/support/sounds.ts";
import { Resampler } from "./resampler.ts";

function whole(samples: Float32Array, own: number, rate: number): Float32Array {
  const resampler = new Resampler(own, rate);
  resampler.push(samples);
  return resampler.end();
}

Deno.test("sound in parts of any length becomes the same as in one", () => {
  const random = seededRandom(18);
  for (const own of [8_000, 16_000, 22_050, 44_100, 48_000, 384_000, 15_999]) {
    const samples = Float32Array.from(tone(440, 0.2, { rate: own }), (value) => value + random());
    const resampler = new Resampler(own, 16_000);
    for (let at = 0; at < samples.length;) {
      const length = Math.floor(random() * (random() < 0.5 ? 5 : 3000));
      resampler.push(samples.subarray(at, at + length));
      at += length;
    }
    assert.deepEqual(resampler.end(), whole(samples, own, 16_000), `${own}`);
  }
});

Deno.test("sound has as many samples as its length wants, also where it is shorter than the filter", () => {
  for (
    const [count, own, wanted] of [[0, 48_000, 0], [1, 8_000, 2], [3, 48_000, 1], [
      44_100,
      44_100,
      16_000,
    ]] as const
  ) {
    assert.equal(whole(new Float32Array(count).fill(0.5), own, 16_000).length, wanted);
  }
  const flat = whole(new Float32Array(4410).fill(0.5), 44_100, 16_000);
  assert.ok(flat.every((value) => Math.abs(value - 0.5) < 1e-6), "ends are as loud as the middle");
});
