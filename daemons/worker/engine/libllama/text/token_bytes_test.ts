import assert from "node:assert/strict";
import { partBytes } from "./token_bytes.ts";

Deno.test("partBytes() reads byte tokens and byte-pair letters", () => {
  assert.deepEqual(partBytes({ piece: "<0x0A>", isBytePair: false }), [0x0a]);
  // Byte-pair vocabularies may have such tokens, too.
  assert.deepEqual(partBytes({ piece: "<0xE6>", isBytePair: true }), [0xe6]);
  assert.deepEqual(partBytes({ piece: "ĠæĽ", isBytePair: true }), [0x20, 0xe6, 0x9b]);
  assert.deepEqual(partBytes({ piece: "éŃ", isBytePair: true }), [0xe9, 0xad]);
});

Deno.test("partBytes() says nothing of what is written in another way", () => {
  assert.equal(partBytes({ piece: "éŃ", isBytePair: false }), undefined);
  assert.equal(partBytes({ piece: "漢", isBytePair: true }), undefined);
});
