import assert from "node:assert/strict";
import { brokenCopy } from "../../../tests/support/broken_images.ts";
import { seededRandom } from "../../../tests/support/random.ts";
import { tone, wav } from "../../../tests/support/sounds.ts";
import { BadMedia } from "./pixels.ts";
import { decodeWav } from "./wav.ts";

const BOUNDS = { rate: 16_000, mostSeconds: 10 };

Deno.test("samples are read as they are, and channels are mixed", () => {
  const [left, right] = [tone(440, 0.1), tone(1000, 0.1)];
  const samples = decodeWav(wav(left), BOUNDS);
  assert.equal(samples.length, left.length);
  samples.forEach((value, at) => assert.ok(Math.abs(value - left[at]!) < 1e-4));
  const mixed = decodeWav(wav(left.flatMap((value, at) => [value, right[at]!]), { channels: 2 }), {
    ...BOUNDS,
  });
  mixed.forEach((value, at) => assert.ok(Math.abs(value - (left[at]! + right[at]!) / 2) < 1e-4));
});

Deno.test("sound of another rate becomes that of the model", () => {
  for (const rate of [8_000, 22_050, 44_100, 48_000]) {
    const samples = decodeWav(wav(tone(440, 0.5, { rate }), { rate }), BOUNDS);
    const wanted = tone(440, 0.5);
    assert.ok(Math.abs(samples.length - wanted.length) <= 1, `${samples.length}`);
    for (let at = 200; at < samples.length - 200; at++) {
      assert.ok(Math.abs(samples[at]! - wanted[at]!) < 0.01, `${rate}: sample ${at}`);
    }
  }
  // A tone above what 16 000 samples can have is gone, and no other one is there instead.
  const high = decodeWav(wav(tone(15_000, 0.2, { rate: 48_000 }), { rate: 48_000 }), BOUNDS);
  assert.ok(high.subarray(200, -200).every((value) => Math.abs(value) < 0.01));
});

Deno.test("each way of writing numbers is read", () => {
  const made = (kind: number, bits: number, data: number[]) => {
    const file = new Uint8Array(44 + data.length);
    file.set(wav([]).subarray(0, 44));
    file[20] = kind;
    file[34] = bits;
    new DataView(file.buffer).setUint32(40, data.length, true);
    file.set(data, 44);
    return [...decodeWav(file, BOUNDS)];
  };
  const bytesOf = (values: Float32Array | Float64Array) => [...new Uint8Array(values.buffer)];
  assert.deepEqual(made(1, 8, [0, 255]), [-1, 1]);
  assert.deepEqual(made(1, 24, [0, 0, 0x40, 0, 0, 0xc0]), [0.5, -0.5]);
  assert.deepEqual(made(1, 32, [0, 0, 0, 0x40]), [0.5]);
  assert.deepEqual(made(3, 32, bytesOf(Float32Array.of(0.25, NaN))), [0.25, 0]);
  assert.deepEqual(made(3, 64, bytesOf(Float64Array.of(-0.25))), [-0.25]);
  assert.throws(() => made(85, 16, [1, 2]), /compressed: send PCM/);
});

Deno.test("what is no WAV, too long or cut is refused", () => {
  assert.throws(() => decodeWav(Uint8Array.of(1, 2, 3), BOUNDS), /is not a WAV file/);
  assert.throws(
    () => decodeWav(wav(tone(1, 3)), { ...BOUNDS, mostSeconds: 2 }),
    /is 3 s long: at most 2 s/,
  );
  assert.throws(() => decodeWav(wav([]), BOUNDS), /no sound/);
  const whole = wav(tone(440, 1));
  assert.throws(
    () => decodeWav(whole.subarray(0, 5_000), BOUNDS),
    /damaged WAV file: it ends early/,
  );
  const open = whole.slice(0, 5_000);
  new DataView(open.buffer).setUint32(40, 0xffffffff, true);
  assert.equal(decodeWav(open, BOUNDS).length, (5_000 - 44) / 2, "its length is open");
});

Deno.test("1000 broken WAV files are refused or read, and nothing else is thrown", () => {
  const random = seededRandom(12);
  const whole = wav(tone(440, 0.05));
  for (let round = 0; round < 1000; round++) {
    // Most of what counts stands at its beginning.
    const file = brokenCopy(whole.subarray(0, round % 2 ? 60 : whole.length), random, 12);
    try {
      const samples = decodeWav(file, BOUNDS);
      assert.ok(samples.length <= BOUNDS.rate * BOUNDS.mostSeconds);
      assert.ok(samples.every(Number.isFinite));
    } catch (error) {
      assert.ok(error instanceof BadMedia, String(error));
    }
  }
});
