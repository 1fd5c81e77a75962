import assert from "node:assert/strict";
import { LlorchError } from "./errors.ts";
import { seenTerm, Terms } from "./terms.ts";

Deno.test("orders of the highest term are taken, and of none; those of an earlier one are refused", () => {
  const raised: number[] = [];
  const terms = new Terms(3, (term) => raised.push(term));
  terms.require(3);
  terms.require(undefined);
  terms.require(5);
  terms.require(5);
  terms.saw(4);
  terms.saw(6);
  assert.deepEqual(raised, [5, 6]);
  assert.throws(() => terms.require(5), { code: "STALE_TERM" });
  assert.deepEqual(raised, [5, 6]);
});

Deno.test("the error of a stale order says the highest term", () => {
  const terms = new Terms(9);
  try {
    terms.require(8);
    assert.fail("it was taken");
  } catch (error) {
    assert.equal(seenTerm(error), 9);
  }
  assert.equal(seenTerm(new LlorchError("STALE_TERM", "x")), undefined);
  assert.equal(seenTerm(new LlorchError("CONFLICT", "x", { details: { term: 1 } })), undefined);
});
