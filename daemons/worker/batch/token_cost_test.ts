import assert from "node:assert/strict";
import { TokenCost } from "./token_cost.ts";

Deno.test("TokenCost knows nothing before it has learned, then says what it was told", () => {
  const cost = new TokenCost();
  assert.equal(cost.at(100), undefined);
  cost.learn(100, 5);
  assert.equal(cost.at(100), 5);
  assert.equal(cost.at(900), 5);
});

Deno.test("TokenCost expects deeper tokens to take longer, as they did", () => {
  const cost = new TokenCost();
  for (const depth of [0, 500, 1000]) cost.learn(depth, 2 + depth / 500);
  assert.ok(Math.abs(cost.at(2000)! - 6) < 0.01, String(cost.at(2000)));
  assert.ok(Math.abs(cost.at(0)! - 2) < 0.01, String(cost.at(0)));
});

Deno.test("TokenCost forgets what was, and takes no falling line for true", () => {
  const cost = new TokenCost();
  for (let step = 0; step < 50; step++) cost.learn(step, 10);
  for (let step = 0; step < 100; step++) cost.learn(step, 1);
  assert.ok(cost.at(50)! < 1.01, String(cost.at(50)));
  const falling = new TokenCost();
  falling.learn(0, 8);
  falling.learn(1000, 4);
  assert.ok(falling.at(4000)! >= 4);
});
