import assert from "node:assert/strict";
import { chooseSlot, type Copy, type Costs, type FreeSlot } from "./choose_slot.ts";

const UNKNOWN: Costs = { read: () => undefined, copy: () => undefined };
/** A token is read in 1 ms, and copied in this time. */
const costs = (copyMs: number): Costs => (
  { read: (tokens) => tokens, copy: (tokens) => tokens * copyMs }
);
const free = (shared: number, held: number, usedAt: number): FreeSlot => ({ shared, held, usedAt });
const choose = (slots: readonly FreeSlot[], copies: readonly Copy[] = [], how = UNKNOWN) =>
  chooseSlot(slots, copies, how);

Deno.test("chooseSlot() takes the slot that shares the longest prefix", () => {
  const choice = choose([free(3, 9, 0), free(9, 9, 5)]);
  assert.deepEqual(choice, { slot: 1, copy: undefined, keeps: false });
});

Deno.test("chooseSlot() among equals takes the one unused for longest", () => {
  assert.equal(choose([free(1, 1, 7), free(1, 1, 2)])?.slot, 1);
});

Deno.test("chooseSlot() of no slots is undefined", () => {
  assert.equal(choose([]), undefined);
});

Deno.test("chooseSlot() keeps what a slot loses, where that is long and copying it takes little", () => {
  assert.equal(choose([free(0, 500, 0)])?.keeps, true);
  assert.equal(choose([free(0, 31, 0)])?.keeps, false, "it is read quickly");
  assert.equal(choose([free(480, 500, 0)])?.keeps, false, "nearly all of it goes on");
  assert.equal(choose([free(0, 500, 0)], [], costs(0.2))?.keeps, true);
  assert.equal(choose([free(0, 500, 0)], [], costs(0.21))?.keeps, false);
});

Deno.test("chooseSlot() copies what has more, into the slot unused for longest, if that is quicker", () => {
  const slots = [free(100, 100, 9), free(20, 60, 1)];
  const copies = [{ shared: 300, copied: 400 }, { shared: 500, copied: 1000 }];
  assert.deepEqual(choose(slots, copies), { slot: 1, copy: 1, keeps: true });
  assert.deepEqual(choose(slots, copies, costs(0.3))?.copy, 1);
  assert.deepEqual(choose(slots, copies, costs(0.5)), { slot: 0, copy: undefined, keeps: false });
  assert.equal(choose(slots, [{ shared: 131, copied: 131 }])?.copy, undefined, "too little more");
});

Deno.test("chooseSlot() of copies that share as much takes the one that is copied soonest", () => {
  const copies = [{ shared: 300, copied: 800 }, { shared: 300, copied: 400 }];
  assert.equal(choose([free(0, 0, 0)], copies)?.copy, 1);
});
