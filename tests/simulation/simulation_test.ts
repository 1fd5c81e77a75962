import fc from "fast-check";
import { scenario } from "./scenario.ts";
import { simulate } from "./world.ts";

/** `deno task sim` does more. */
const RUNS = 600;

/** Each part is reported when it ends, so that a slow run is not taken for a hanging one. */
const PARTS = 6;

Deno.test("the scheduler keeps its invariants whatever happens", async (t) => {
  for (let part = 1; part <= PARTS; part++) {
    await t.step(`part ${part} of ${PARTS}`, () => {
      fc.assert(fc.property(scenario, (run) => void simulate(run)), { numRuns: RUNS / PARTS });
    });
  }
});
