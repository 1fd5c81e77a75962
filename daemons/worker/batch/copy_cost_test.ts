import assert from "node:assert/strict";
import { CopyCost } from "./copy_cost.ts";

Deno.test("CopyCost knows nothing before it has measured some copies", () => {
  const cost = new CopyCost();
  assert.equal(cost.of(100, 0), undefined);
  cost.learn(100, 10, 0);
  cost.learn(100, 10, 0);
  assert.equal(cost.of(100, 0), undefined);
  cost.learn(100, 10, 0);
  assert.equal(cost.of(120, 0), 12);
});

Deno.test("CopyCost takes the quickest of the last copies: the others were held up", () => {
  const cost = new CopyCost();
  for (const ms of [150, 10, 900]) cost.learn(100, ms, 0);
  assert.equal(cost.of(100, 0), 10);
  for (let n = 0; n < 8; n++) cost.learn(100, 50, 0);
  assert.equal(cost.of(100, 0), 50);
});

Deno.test("CopyCost does not conclude from short copies that long ones are slow", () => {
  const cost = new CopyCost();
  for (let n = 0; n < 3; n++) cost.learn(40, 20, 0);
  assert.equal(cost.of(40, 0), 20);
  assert.equal(cost.of(400, 0), undefined);
});

Deno.test("CopyCost forgets what nothing confirms, so that no copy is refused for ever", () => {
  const cost = new CopyCost();
  for (const at of [0, 30_000, 30_000]) cost.learn(100, 1000, at);
  assert.equal(cost.of(100, 59_999), 1000);
  assert.equal(cost.of(100, 60_000), undefined);
});
