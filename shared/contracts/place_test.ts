import assert from "node:assert/strict";
import { identifier } from "./common.ts";
import { devicesOf, faultOfPlace, kindAt, placeOf, shareOn } from "./place.ts";

const DEVICES = [
  { id: "cuda0", kind: "cuda" },
  { id: "cuda1", kind: "cuda" },
  { id: "rocm0", kind: "rocm" },
  { id: "cpu", kind: "cpu" },
] as const;

Deno.test("a place is one device or several, and its name is one that every version takes", () => {
  const ids = ["cuda0", "cuda1"];
  assert.deepEqual(devicesOf(placeOf(ids)), ids);
  assert.deepEqual(devicesOf("cuda0"), ["cuda0"]);
  const most = Array.from({ length: 16 }, (_, index) => `cuda${index}`);
  assert.ok(identifier.safeParse(placeOf(most)).success);
  assert.equal(kindAt(DEVICES, "cuda0.cuda1"), "cuda");
  assert.equal(kindAt(DEVICES, "metal0"), undefined);
});

Deno.test("faultOfPlace() says why a pool cannot have a place", () => {
  const faults = (place: string) => faultOfPlace(DEVICES, place);
  for (const good of ["cuda0", "cpu", "cuda0.cuda1"]) assert.equal(faults(good), undefined);
  assert.equal(faults("cuda2"), 'has no device "cuda2"');
  assert.equal(faults("cuda0.cuda7"), 'has no device "cuda7"');
  assert.match(faults("cuda1.cuda0") ?? "", /another order/);
  assert.match(faults("cuda0.cuda0") ?? "", /each once/);
  for (const mixed of ["cuda0.rocm0", "cuda0.cpu"]) {
    assert.match(faults(mixed) ?? "", /only among GPUs of one kind/);
  }
});

Deno.test("shareOn() is a worker's memory on a device", () => {
  const one = { device: "cuda0", memory_bytes: 5 };
  assert.deepEqual(["cuda0", "cuda1"].map((id) => shareOn(one, id)), [5, 0]);
  const two = { device: "cuda0.cuda1", memory_bytes: 5, shares: { cuda0: 2, cuda1: 3, cpu: 9 } };
  assert.deepEqual(["cuda0", "cuda1", "cpu", "cuda2"].map((id) => shareOn(two, id)), [2, 3, 9, 0]);
});
