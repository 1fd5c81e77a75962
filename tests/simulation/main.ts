/**
 * `deno task sim [--runs N] [--seed N] [--path P]`: runs the scheduler against simulated hosts, jobs
 * and faults. A failure is shrunk to the smallest scenario that shows it, and printed with the seed and
 * path that reproduce it.
 *
 * @module
 */
import fc from "fast-check";
import { parseArgs } from "node:util";
import { runMain, UsageError } from "#shared/lifecycle.ts";
import { scenario } from "./scenario.ts";
import { simulate } from "./world.ts";

const RUNS = 10_000;

function parse(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { runs: { type: "string" }, seed: { type: "string" }, path: { type: "string" } },
    });
    return {
      numRuns: wholeNumber("runs", values.runs) ?? RUNS,
      seed: wholeNumber("seed", values.seed) ?? Date.now() % 2 ** 31,
      ...(values.path === undefined ? {} : { path: values.path }),
    };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new UsageError(`--${name} must be a whole number: current value is ${text}`);
}

function main(): number {
  const options = parse(Deno.args);
  const began = performance.now();
  let steps = 0;
  let jobs = 0;
  const details = fc.check(
    fc.property(scenario, (run) => {
      const summary = simulate(run);
      steps += summary.steps;
      jobs += summary.ended;
    }),
    options,
  );
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  if (!details.failed) {
    console.log(
      `${details.numRuns} runs, ${jobs} jobs, ${steps} steps in ${seconds} s: every invariant held (seed ${options.seed})`,
    );
    return 0;
  }
  console.error(JSON.stringify(details.counterexample?.[0], null, 2));
  console.error((details.errorInstance as Error).stack);
  console.error(
    `failed after ${details.numRuns} runs and ${details.numShrinks} simplifications; again: ` +
      `deno task sim --seed ${details.seed} --path ${details.counterexamplePath}`,
  );
  return 1;
}

if (import.meta.main) Deno.exit(await runMain("sim", () => Promise.resolve(main())));
