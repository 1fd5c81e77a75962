import assert from "node:assert/strict";
import { brokenCopy } from "../../../tests/support/broken_images.ts";
import { seededRandom } from "../../../tests/support/random.ts";
import { SOUNDS, tone } from "../../../tests/support/sounds.ts";
import { decodeMp3 } from "./mp3.ts";
import { BadMedia } from "./pixels.ts";

const BOUNDS = { rate: 16_000, mostSeconds: 10 };

/** How loud a frequency is in a part of some samples. */
function loudness(samples: Float32Array, hertz: number, from: number, seconds = 0.05): number {
  const start = Math.round(from * BOUNDS.rate);
  const part = samples.subarray(start, start + seconds * BOUNDS.rate);
  const sums = [0, 0];
  part.forEach((value, at) => {
    const turn = 2 * Math.PI * hertz * at / BOUNDS.rate;
    sums[0]! += value * Math.sin(turn);
    sums[1]! += value * Math.cos(turn);
  });
  return 2 * Math.hypot(...sums) / part.length;
}

const near = (value: number, wanted: number, most = 0.03) =>
  assert.ok(Math.abs(value - wanted) < most, `${value} is not ${wanted}`);

Deno.test("an MP3 of each version has its tones, at the rate of the model", async () => {
  const mono = await decodeMp3(SOUNDS.mono, BOUNDS);
  near(loudness(mono, 440, 0.1), 0.5);
  near(loudness(mono, 1000, 0.1), 0);
  near(mono.length / BOUNDS.rate, 0.2, 0.1);
  const low = await decodeMp3(SOUNDS.low, BOUNDS);
  near(loudness(low, 300, 0.2), 0.5);
  near(low.length / BOUNDS.rate, 0.25, 0.2);
});

Deno.test("channels are mixed, and what the encoder has added is left out", async () => {
  const mixed = await decodeMp3(SOUNDS.stereo, BOUNDS);
  assert.equal(mixed.length, 0.15 * BOUNDS.rate);
  for (const hertz of [440, 1000]) near(loudness(mixed, hertz, 0.05), 0.25);
  const [left, right] = [tone(440, 0.15), tone(1000, 0.15)];
  mixed.subarray(400, -400).forEach((value, at) =>
    near(value, (left[at + 400]! + right[at + 400]!) / 2, 0.06)
  );
});

Deno.test("tags before and behind the sound, and gaps in it, are passed over", async () => {
  const plain = await decodeMp3(SOUNDS.mono, BOUNDS);
  const cover = 300_000;
  const tag = new Uint8Array(10 + cover).fill(0xff);
  tag.set([
    0x49,
    0x44,
    0x33,
    4,
    0,
    0,
    cover >> 21,
    cover >> 14 & 127,
    cover >> 7 & 127,
    cover & 127,
  ]);
  const file = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
  assert.deepEqual(await decodeMp3(file(tag, tag, SOUNDS.mono), BOUNDS), plain);
  const behind = await decodeMp3(file(SOUNDS.mono, new Uint8Array(200_000)), BOUNDS);
  assert.deepEqual(behind.subarray(0, plain.length), plain);
  const twice = await decodeMp3(file(SOUNDS.mono, new Uint8Array(5000), SOUNDS.mono), BOUNDS);
  near(twice.length, 2 * plain.length, 1200);
});

Deno.test("an MP3 that is too long is given up as soon as it is, and one without sound is refused", async () => {
  const many = new Uint8Array(2000 * SOUNDS.mono.length);
  for (let at = 0; at < many.length; at += SOUNDS.mono.length) many.set(SOUNDS.mono, at);
  await assert.rejects(decodeMp3(many, BOUNDS), /is longer than 10 s, the most that is allowed/);
  const tag = Uint8Array.of(0x49, 0x44, 0x33, 4, 0, 0, 0, 0, 0, 9);
  for (const file of [SOUNDS.mono.subarray(0, 4), tag, new Uint8Array(100_000)]) {
    await assert.rejects(decodeMp3(file, BOUNDS), /damaged MP3 file: it has no sound/);
  }
  const changing = Uint8Array.from([...SOUNDS.mono, ...SOUNDS.low]);
  await assert.rejects(decodeMp3(changing, BOUNDS), /damaged MP3 file: its rate changes/);
});

Deno.test("noise of 4 MiB ends within its bounds, and says nothing on the console", async () => {
  const random = seededRandom(16);
  const said: unknown[] = [];
  const { log, error, warn } = console;
  Object.assign(
    console,
    Object.fromEntries(
      ["log", "error", "warn"].map((name) => [name, (...words: unknown[]) => said.push(words)]),
    ),
  );
  try {
    const noise = new Uint8Array(4 << 20).map(() => random() * 256);
    await decodeMp3(noise, { rate: 16_000, mostSeconds: 100 }).catch((failed) =>
      assert.ok(failed instanceof BadMedia, String(failed))
    );
  } finally {
    Object.assign(console, { log, error, warn });
  }
  assert.deepEqual(said, []);
});

Deno.test("200 broken MP3 files are refused or read, and nothing else is thrown", async () => {
  const random = seededRandom(17);
  const whole = Object.values(SOUNDS);
  for (let round = 0; round < 200; round++) {
    const file = whole[round % whole.length]!;
    const broken = brokenCopy(file, random, round % 2 ? 4 : 0);
    try {
      const samples = await decodeMp3(broken, BOUNDS);
      assert.ok(samples.length <= BOUNDS.rate * BOUNDS.mostSeconds);
      assert.ok(samples.every(Number.isFinite));
    } catch (error) {
      assert.ok(error instanceof BadMedia, String(error));
    }
  }
});
