import assert from "node:assert/strict";
import { chooseSlot, type Copy, type Costs, type FreeSlot } from "./choose_slot.ts";

const UNKNOWN: Costs = {
  read: () => undefined,
  keep: () => undefined,
  put: () => undefined,
};
/** A token is read in 1 ms, and copied in these times. */
const costs = (keepMs: number, putMs = keepMs): Costs => ({
  read: (tokens) => tokens,
  keep: (tokens) => tokens * keepMs,
  put: (tokens) => tokens * putMs,
});
const free = (shared: number, held: number, usedAt: number): FreeSlot => ({ shared, held, usedAt });
const kept = (shared: number, copied: number): Copy => ({ shared, copied, isKept: true });
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
  const copies = [kept(300, 400), kept(500, 1000)];
  assert.deepEqual(choose(slots, copies), { slot: 1, copy: 1, keeps: true });
  assert.deepEqual(choose(slots, copies, costs(0.3))?.copy, 1);
  assert.deepEqual(choose(slots, copies, costs(0.5)), { slot: 0, copy: undefined, keeps: false });
  assert.equal(choose(slots, [kept(131, 131)])?.copy, undefined, "too little more");
});

Deno.test("chooseSlot() of copies that share as much takes the one that is copied soonest", () => {
  const copies = [kept(300, 800), kept(300, 400)];
  assert.equal(choose([free(0, 0, 0)], copies)?.copy, 1);
});

Deno.test("chooseSlot() counts that what another slot holds is copied twice", () => {
  const slots = [free(0, 0, 0)];
  const held: Copy = { shared: 300, copied: 300, isKept: false };
  assert.equal(choose(slots, [held, kept(300, 500)])?.copy, 1);
  assert.equal(choose(slots, [held], costs(0.5, 0.4))?.copy, 0);
  assert.equal(choose(slots, [held], costs(0.5, 0.5))?.copy, undefined);
  assert.equal(choose(slots, [kept(300, 300)], costs(2, 0.5))?.copy, 0);
});
