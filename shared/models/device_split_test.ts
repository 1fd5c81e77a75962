import assert from "node:assert/strict";
import fc from "fast-check";
import { claimAll, type DeviceRoom, groupsOf, type SplitMemory } from "./device_split.ts";

const rooms = (...bytes: number[]): DeviceRoom[] =>
  bytes.map((each, index) => ({ device: `cuda${index}`, bytes: each }));

const split: fc.Arbitrary<SplitMemory> = fc.record({
  layers: fc.integer({ min: 1, max: 200 }),
  layer_bytes: fc.integer({ min: 0, max: 2 ** 40 }),
  each_bytes: fc.integer({ min: 0, max: 2 ** 30 }),
});
const someRooms = fc.array(fc.integer({ min: -100, max: 2 ** 39 }), { minLength: 2, maxLength: 4 })
  .map((bytes) => rooms(...bytes));

Deno.test("claimAll() gives layers in proportion to room", () => {
  const memory = { layers: 33, layer_bytes: 3300, each_bytes: 50 };
  assert.deepEqual(claimAll(rooms(2450, 1250), memory), [
    { device: "cuda0", layers: 22, bytes: 2250 },
    { device: "cuda1", layers: 11, bytes: 1150 },
  ]);
});

Deno.test("claimAll() claims every layer within each device's room, or nothing", () =>
  fc.assert(fc.property(someRooms, split, (there, memory) => {
    const claims = claimAll(there, memory);
    const bytesOf = (layers: number) =>
      memory.each_bytes + Math.ceil(memory.layer_bytes * layers / memory.layers);
    if (!claims) {
      // As many layers as fit on each device are too few, or some device can hold none.
      const most = there.map(({ bytes }) => {
        let layers = 0;
        while (layers < memory.layers && bytesOf(layers + 1) <= bytes) layers++;
        return layers;
      });
      const sum = most.reduce((total, each) => total + each, 0);
      assert.ok(sum < memory.layers || most.includes(0) || there.length > memory.layers);
      return;
    }
    assert.deepEqual(claims.map(({ device }) => device), there.map(({ device }) => device));
    assert.equal(claims.reduce((sum, { layers }) => sum + layers, 0), memory.layers);
    for (const [index, { bytes, layers }] of claims.entries()) {
      assert.ok(layers >= 1);
      assert.equal(bytes, bytesOf(layers));
      assert.ok(bytes <= there[index]!.bytes, "more than there is room for");
    }
  })));

Deno.test("claimAll() follows a ratio as llama.cpp does, and fits only if that fits", () => {
  const memory = { layers: 8, layer_bytes: 800, each_bytes: 0, ratio: [3, 1] };
  const layers = (...bytes: number[]) =>
    claimAll(rooms(...bytes), memory)?.map(({ layers }) => layers);
  assert.deepEqual(layers(600, 200), [6, 2]);
  assert.equal(layers(599, 900), undefined);
  assert.equal(layers(600, 200, 200), undefined, "three devices for two parts");
  assert.equal(claimAll(rooms(900, 900), { ...memory, ratio: [1000, 1] }), undefined, "no layer");
});

Deno.test("the layers of a claim are a ratio that gives these layers again", () =>
  fc.assert(fc.property(someRooms, split, (there, memory) => {
    const claims = claimAll(there, memory);
    if (!claims) return;
    const ratio = claims.map(({ layers }) => layers);
    assert.deepEqual(claimAll(there, { ...memory, ratio }), claims);
  })));

Deno.test("groupsOf() names the devices with most room, the fewest first, in their order", () => {
  const names = (bytes: number[], ratio?: number[]) =>
    groupsOf(rooms(...bytes), { ratio }).map((group) =>
      group.map(({ device }) => device.slice(4)).join("")
    );
  assert.deepEqual(names([1, 3, 2, 3]), ["13", "123", "0123"]);
  assert.deepEqual(names([1, 3, 2, 3], [1, 1]), ["01"]);
  assert.deepEqual(names([1, 3], [1, 1, 1]), []);
  assert.deepEqual(names([5]), []);
});
