import assert from "node:assert/strict";
import { LineFit } from "./line_fit.ts";

const near = (a: number | undefined, b: number) => assert.ok(Math.abs(a! - b) < 0.01, `${a}, ${b}`);

Deno.test("LineFit finds a base and a slope", () => {
  const fit = new LineFit();
  assert.equal(fit.at(5), undefined);
  fit.note(10, 30);
  near(fit.at(2000), 30);
  for (const x of [100, 2000, 500, 10]) fit.note(x, 20 + x);
  near(fit.at(10), 30);
  near(fit.at(3000), 3020);
});

Deno.test("LineFit neither falls nor begins below 0", () => {
  const falling = new LineFit();
  for (const [x, y] of [[10, 100], [1000, 10]] as const) falling.note(x, y);
  near(falling.at(10), falling.at(5000)!);
  const steep = new LineFit();
  for (const [x, y] of [[900, 0], [1000, 100]] as const) steep.note(x, y);
  assert.ok(steep.at(0)! >= 0);
});
