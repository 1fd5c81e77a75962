import assert from "node:assert/strict";
import { RealTime } from "./real_time.ts";

Deno.test("RealTime never runs slower than either clock, whatever the other one does", () => {
  let [steady, wall] = [0, 1_000_000];
  const time = new RealTime(() => steady, () => wall);
  const pass = (steadyMs: number, wallMs: number) => {
    steady += steadyMs;
    wall += wallMs;
    return time.now();
  };
  assert.equal(pass(100, 100), 100);
  assert.equal(pass(50, 60_050), 60_150, "the machine slept, or its clock was set");
  assert.equal(pass(50, -60_000), 60_200, "its clock was set back");
  assert.equal(pass(10, 10), 60_210);
});
