import { runProgram } from "#shared/run_program.ts";
import { CARD } from "../device.ts";
import type { StepContext } from "../finding.ts";
import { modelNames } from "../test_models.ts";

/** Rows of `deno task bench`: a mark, a name, a value, then what it is compared with. */
const ROW = /^ {2}(ok|MISSED)? *(\S.*?) {2,}(\S.*?)(?: {2,}.*)?$/;

/**
 * `deno task bench worker`. Goals that it misses are shown and fail nothing: they were set on a CPU. It fails
 * if a figure is absent.
 */
export async function work({ onCpu, report }: StepContext): Promise<void> {
  const where = onCpu ? ["--threads=1"] : [`--gpu=${CARD}`];
  const bench = ["worker", `--model=${modelNames(onCpu).random}`, "--rounds=1", ...where];
  const { code, stdout, stderr } = await runProgram({
    command: Deno.execPath(),
    args: [
      "run",
      "-q",
      "--no-prompt",
      "--cached-only",
      "-P=tools",
      "tests/bench/main.ts",
      ...bench,
    ],
  });
  console.log(stdout, stderr);
  const rows = stdout.split("\n").map((line) => ROW.exec(line)).filter((row) => row !== null);
  for (const [, mark = "", name = "", value = ""] of rows) {
    report({ name, value: mark === "MISSED" ? `${value} (missed)` : value });
  }
  const isWhole = rows.some(([, , name = ""]) => name.startsWith("tokens/s"));
  report({ name: "the bench has measured", value: `exit code ${code}`, isOk: isWhole });
}
