import fc from "fast-check";
import { scenario } from "./scenario.ts";
import { simulate } from "./world.ts";

const RUNS = 10_000;

Deno.test("the scheduler keeps its invariants whatever happens", () => {
  fc.assert(fc.property(scenario, (run) => void simulate(run)), { numRuns: RUNS });
});
