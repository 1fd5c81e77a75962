/**
 * Runs one step of the GPU check: `step.ts NAME FILE [--cpu]`. Its findings go to the file, one line of JSON
 * each.
 *
 * @module
 */
import { runMain, UsageError } from "#shared/lifecycle.ts";
import { ENV } from "#shared/defaults.ts";
import { binDir, type Finding, type StepWork } from "./finding.ts";
import type { StepName } from "./plan.ts";

/** Each step's code, loaded when it runs: an engine's library may be opened only by one that needs it. */
const WORK: Readonly<Record<StepName, () => Promise<{ readonly work: StepWork }>>> = {
  "tools": () => import("./steps/tools.ts"),
  "build": () => import("./steps/build.ts"),
  "models": () => import("./steps/models.ts"),
  "memory": () => import("./steps/memory.ts"),
  "workers": () => import("./steps/workers.ts"),
  "bench": () => import("./steps/bench.ts"),
  "llama-bench": () => import("./steps/llama_bench.ts"),
};

async function step(): Promise<number> {
  const [name = "", file = "", mode] = Deno.args;
  const work = Deno.env.get("LLORCH_GPU_WORK");
  if (!Object.hasOwn(WORK, name) || file === "") throw new UsageError("Give a step and a file");
  if (!work) throw new UsageError("LLORCH_GPU_WORK: must be a folder");
  Deno.env.set(ENV.binDir, binDir(work));
  const { work: run } = await WORK[name as StepName]();
  await run({ onCpu: mode === "--cpu", work, report: (finding) => append(file, finding) });
  return 0;
}

/** Written at once, so that it is there when the step is ended. */
function append(file: string, finding: Finding): void {
  console.log(`${finding.name}: ${finding.value}`);
  Deno.writeTextFileSync(file, JSON.stringify(finding) + "\n", { append: true });
}

Deno.exit(await runMain("step", step));
