import fc from "fast-check";
import { scenario } from "./scenario.ts";
import { simulate } from "./world.ts";

/** `deno task sim` makes more of them. */
const RUNS = 3_000;

Deno.test("the scheduler keeps its invariants whatever happens", () => {
  fc.assert(fc.property(scenario, (run) => void simulate(run)), { numRuns: RUNS });
});
