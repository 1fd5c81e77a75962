/**
 * Runs the steps of the GPU check, each in a process of its own with a time limit, and writes the results to
 * `$OUT`: `summary.txt`, `summary.json`, and the output of each step. `check.sh` starts it.
 *
 * @module
 */
import { join } from "node:path";
import { runMain, UsageError } from "#shared/lifecycle.ts";
import { columns } from "#shared/columns.ts";
import { runProgram } from "#shared/run_program.ts";
import type { Finding } from "./finding.ts";
import {
  decide,
  exitCode,
  groupsOf,
  type Outcome,
  readOptions,
  type Step,
  type StepName,
  STEPS,
} from "./plan.ts";

/** How a step went. */
interface Result {
  readonly step: StepName;
  readonly outcome: Outcome;
  readonly seconds: number;
  /** Why it failed or was skipped. */
  readonly reason?: string;
  readonly findings: readonly Finding[];
}

/** Time between SIGTERM and SIGKILL to a step that is late, in seconds. */
const GRACE_S = 5;

/** Exit code of `timeout` for a program that was late, and for one that had to be killed. */
const LATE = [124, 137];

async function runStep(
  step: StepName,
  limitS: number,
  out: string,
  onCpu: boolean,
): Promise<Result> {
  const began = performance.now();
  const file = join(out, `${step}.jsonl`);
  const mode = onCpu ? ["--cpu"] : [];
  const run = ["run", "-q", "--no-prompt", "--cached-only", "-P=tools", "tests/gpu/step.ts"];
  const { code, stdout, stderr } = await runProgram({
    command: "timeout",
    args: [`--kill-after=${GRACE_S}`, String(limitS), Deno.execPath(), ...run, step, file, ...mode],
  });
  const text = `${stdout}${stderr}`;
  await Deno.writeTextFile(join(out, `${step}.txt`), text);
  const findings = await readFindings(file);
  const bad = findings.filter(({ isOk }) => isOk === false).map(({ name }) => name);
  const reason = LATE.includes(code)
    ? [`it took more than ${limitS} s`, ...lastLine(stdout)].join("; its last line: ")
    : code !== 0
    ? text.trim().split("\n").at(-1)
    : bad.length > 0
    ? `not as it should be: ${bad.join(", ")}`
    : undefined;
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  const outcome = reason === undefined ? "ok" : "failed";
  return { step, outcome, seconds, ...reason === undefined ? {} : { reason }, findings };
}

/** How far a step came, if it has said so. */
function lastLine(output: string): string[] {
  const line = output.trim().split("\n").at(-1)!;
  return line === "" ? [] : [line];
}

function skipped(step: StepName, reason: string): Result {
  return { step, outcome: "skipped", seconds: 0, reason, findings: [] };
}

async function readFindings(file: string): Promise<Finding[]> {
  try {
    const lines = (await Deno.readTextFile(file)).split("\n").filter((line) => line !== "");
    await Deno.remove(file);
    return lines.map((line) => JSON.parse(line));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function textOf({ step, outcome, seconds, reason, findings }: Result): string {
  const head = `${step}: ${outcome}, ${seconds} s${reason === undefined ? "" : `: ${reason}`}`;
  const marks = { true: "ok", false: "FAILED", undefined: "" } as const;
  const rows = findings.map(({ name, value, isOk }) => [marks[`${isOk}`], name, value]);
  return [head, ...rows.length === 0 ? [] : columns(rows).map((line) => `  ${line}`)].join("\n");
}

async function check(): Promise<number> {
  const out = Deno.env.get("OUT");
  if (!out) throw new UsageError("OUT: must be a folder for the results");
  const { onCpu, totalS } = readOptions(Deno.args);
  const began = performance.now();
  const passedS = () => (performance.now() - began) / 1000;
  const outcomes = new Map<StepName, Outcome>();
  const results: Result[] = [];
  const finish = async (step: Step) => {
    const decision = decide(step, passedS(), outcomes, totalS);
    return decision.kind === "run"
      ? await runStep(step.name, decision.limitS, out, onCpu)
      : skipped(step.name, decision.reason);
  };
  for (const group of groupsOf(STEPS)) {
    for (const result of await Promise.all(group.map(finish))) {
      outcomes.set(result.step, result.outcome);
      results.push(result);
      console.log(textOf(result));
    }
    // After each step, since the machine may go at any time.
    const summary = {
      seconds: Math.round(passedS()),
      on_cpu: onCpu,
      results,
    };
    await Deno.writeTextFile(join(out, "summary.json"), JSON.stringify(summary, null, 2) + "\n");
    await Deno.writeTextFile(join(out, "summary.txt"), results.map(textOf).join("\n") + "\n");
  }
  return exitCode(outcomes.values());
}

if (import.meta.main) Deno.exit(await runMain("check.sh", check));
