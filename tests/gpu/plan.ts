/**
 * Which steps of the GPU check run, in which order and for how long: decisions without effects.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { UsageError } from "#shared/lifecycle.ts";

/** Names of all steps, in the order of their worth. */
export const STEP_NAMES = [
  "tools",
  "build",
  "models",
  "memory",
  "workers",
  "bench",
  "llama-bench",
] as const;

/** Name of a step. */
export type StepName = (typeof STEP_NAMES)[number];

/** What is planned for a step, in seconds. */
export interface Step {
  readonly name: StepName;
  /** Steps whose failure leaves nothing to do for this one. */
  readonly needs: readonly StepName[];
  /** With less time than this it is not worth starting. */
  readonly leastS: number;
  readonly mostS: number;
  /** Whether it runs at the same time as the step before it. */
  readonly isBeside?: true;
}

/** Time for everything unless another is given, in seconds. */
export const TOTAL_S = 12 * 60;

/** Time that is kept for writing the results, in seconds. */
export const RESERVE_S = 10;

/** The steps; the build has most of the time, as all others need it. */
export const STEPS: readonly Step[] = [
  { name: "tools", needs: [], leastS: 1, mostS: 20 },
  { name: "build", needs: ["tools"], leastS: 30, mostS: 540 },
  // One thread writes for minutes, and then the build has the others.
  { name: "models", needs: ["tools"], leastS: 10, mostS: 400, isBeside: true },
  { name: "memory", needs: ["build", "models"], leastS: 30, mostS: 180 },
  { name: "workers", needs: ["build", "models"], leastS: 25, mostS: 90 },
  { name: "bench", needs: ["build", "models"], leastS: 40, mostS: 120 },
  { name: "llama-bench", needs: ["build", "models"], leastS: 40, mostS: 180 },
];

/** The steps in groups that run at the same time. */
export function groupsOf(steps: readonly Step[]): Step[][] {
  const groups: Step[][] = [];
  for (const step of steps) {
    const last = groups.at(-1);
    if (step.isBeside && last) last.push(step);
    else groups.push([step]);
  }
  return groups;
}

/** How a step ended. */
export type Outcome = "ok" | "failed" | "skipped";

/** What to do with a step. */
export type Decision =
  | { readonly kind: "run"; readonly limitS: number }
  | { readonly kind: "skip"; readonly reason: string };

/**
 * Decides about the next step.
 *
 * @param passedS Seconds since the start of the check.
 * @param outcomes How the steps before it ended.
 * @param totalS Time for everything.
 */
export function decide(
  step: Step,
  passedS: number,
  outcomes: ReadonlyMap<StepName, Outcome>,
  totalS: number = TOTAL_S,
): Decision {
  const unmet = step.needs.filter((name) => outcomes.get(name) !== "ok");
  if (unmet.length > 0) return { kind: "skip", reason: `it needs ${unmet.join(" and ")}` };
  const leftS = Math.floor(totalS - RESERVE_S - passedS);
  if (leftS < step.leastS) {
    const left = Math.max(0, leftS);
    return { kind: "skip", reason: `${left} s are left, and it needs ${step.leastS}` };
  }
  return { kind: "run", limitS: Math.min(leftS, step.mostS) };
}

/** Exit code of the whole check: 1 if a step failed; skipped ones do not count. */
export function exitCode(outcomes: Iterable<Outcome>): 0 | 1 {
  return [...outcomes].includes("failed") ? 1 : 0;
}

/** Arguments of the check. */
export interface CheckOptions {
  readonly onCpu: boolean;
  readonly totalS: number;
}

/**
 * Reads `[--cpu] [--seconds N]`.
 *
 * @throws {UsageError} with one line about the wrong argument
 */
export function readOptions(args: readonly string[]): CheckOptions {
  const { cpu = false, seconds = String(TOTAL_S) } = parse(args);
  const totalS = Number(seconds);
  if (!/^\d{1,5}$/.test(seconds) || totalS < 60) {
    throw new UsageError(`--seconds: must be a number from 60: current value is ${seconds}`);
  }
  return { onCpu: cpu, totalS };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { cpu: { type: "boolean" }, seconds: { type: "string" } },
    }).values;
  } catch (error) {
    const [first] = (error as Error).message.split(". ");
    throw new UsageError(`${first}: check.sh [--cpu] [--seconds N]`, { cause: error });
  }
}
