import assert from "node:assert/strict";
import { chooseSlot } from "./choose_slot.ts";

Deno.test("chooseSlot() takes the slot that shares the longest prefix", () => {
  assert.equal(chooseSlot([{ shared: 3, usedAt: 0 }, { shared: 9, usedAt: 5 }]), 1);
});

Deno.test("chooseSlot() among equals takes the one unused for longest", () => {
  assert.equal(chooseSlot([{ shared: 1, usedAt: 7 }, { shared: 1, usedAt: 2 }]), 1);
});

Deno.test("chooseSlot() of no slots is undefined", () => {
  assert.equal(chooseSlot([]), undefined);
});
