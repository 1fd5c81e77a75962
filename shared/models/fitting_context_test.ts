import assert from "node:assert/strict";
import fc from "fast-check";
import { defaultLoad } from "./default_load.ts";
import { estimateMemory, modelMemory } from "./estimate.ts";
import { fittingContext, MOST_FITTING } from "./fitting_context.ts";
import { LLAMA_31_8B } from "./testdata/architectures.ts";

const GIB = 2 ** 30;
const llama = modelMemory(LLAMA_31_8B);

/** Most that a load takes of a device for a longer context. */
const share = (deviceBytes: number) => deviceBytes * 0.8;

Deno.test("a context takes most of the device, but not all, and the next longer one more", () => {
  const slots = 4;
  for (const deviceBytes of [16 * GIB, 20 * GIB, 24 * GIB]) {
    const context = fittingContext(llama, { longest: 131_072, slots, deviceBytes });
    assert.ok(context > 4096 && context < MOST_FITTING, String(context));
    assert.ok(estimateMemory(llama, { context, slots }) <= share(deviceBytes));
    assert.ok(estimateMemory(llama, { context: context + 256, slots }) > share(deviceBytes));
  }
});

Deno.test("a context is at most the model's own, and at most 32768", () => {
  const deviceBytes = 1000 * GIB;
  assert.equal(fittingContext(llama, { longest: 131_072, slots: 4, deviceBytes }), 32_768);
  assert.equal(fittingContext(llama, { longest: 20_000, slots: 4, deviceBytes }), 20_000);
  assert.equal(fittingContext(llama, { longest: 500, slots: 4, deviceBytes }), 500);
});

Deno.test("the usual context stays where it takes more than that part of the device", () => {
  const deviceBytes = estimateMemory(llama, { context: 4096, slots: 4 });
  assert.equal(fittingContext(llama, { longest: 131_072, slots: 4, deviceBytes }), 4096);
});

Deno.test("on a device too small for the usual context, a shorter one takes all of it", () => {
  const deviceBytes = estimateMemory(llama, { context: 1024, slots: 4 });
  assert.equal(fittingContext(llama, { longest: 131_072, slots: 4, deviceBytes }), 1024);
  // It does not fit at all: the refusal has the figures of the usual context.
  assert.equal(fittingContext(llama, { longest: 131_072, slots: 4, deviceBytes: GIB }), 4096);
});

Deno.test("a measured load does not change the context", () => {
  const limits = { longest: 131_072, slots: 2, deviceBytes: 12 * GIB };
  const measured = { context: 4096, slots: 2, memory_bytes: 20 * GIB };
  assert.equal(fittingContext({ ...llama, measured }, limits), fittingContext(llama, limits));
});

Deno.test("more memory never gives a shorter context, once the usual one fits", () => {
  const bytes = fc.integer({ min: 10 * GIB, max: 400 * GIB });
  fc.assert(fc.property(bytes, bytes, fc.integer({ min: 1, max: 8 }), (one, other, slots) => {
    const [less, more] = [Math.min(one, other), Math.max(one, other)];
    const of = (deviceBytes: number) =>
      fittingContext(llama, { longest: 131_072, slots, deviceBytes });
    if (estimateMemory(llama, { context: 4096, slots }) <= less) assert.ok(of(less) <= of(more));
  }));
});

Deno.test("defaultLoad() takes the context that fits, also for a file that does not say its own", () => {
  const defaults = { context: { deviceBytes: 1000 * GIB }, slots: 1 };
  const load = (context_length: number) => defaultLoad({ ...llama, context_length }, defaults);
  assert.deepEqual(load(131_072), { context: 32_768, slots: 1 });
  assert.deepEqual(load(0), { context: 4096, slots: 1 });
});
