import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import { runProgram } from "#shared/run_program.ts";
import { CARD } from "../device.ts";
import { givenLibraries, type StepContext } from "../finding.ts";
import { tool } from "../build_tool.ts";
import { testModels } from "../test_models.ts";

/** What llama-bench writes of each test, as far as it is read. */
const results = z.array(z.object({
  n_prompt: z.number(),
  n_gen: z.number(),
  avg_ts: z.number().positive(),
})).min(1);

/** Builds llama-bench and runs it on the model of the worker's bench: what the libraries do without us. */
export async function work(context: StepContext): Promise<void> {
  const { onCpu, work, report } = context;
  if (givenLibraries() !== undefined) {
    report({ name: "not run", value: "libraries were given, and it is built with them" });
    return;
  }
  const parallel = `--parallel=${navigator.hardwareConcurrency}`;
  await tool("cmake", ["--build", join(work, "build"), parallel, "--target=llama-bench"]);
  const size = onCpu
    ? ["-ngl=0", "-t=1", "-p=128", "-n=32", "-r=1"]
    : ["-ngl=99", "-p=512", "-n=128"];
  const { code, stdout, stderr } = await runProgram({
    command: join(work, "build/bin/llama-bench"),
    args: [
      "-m",
      testModels(context).random,
      ...size.flatMap((each) => each.split("=")),
      "-o",
      "json",
    ],
  }, { env: { CUDA_VISIBLE_DEVICES: onCpu ? "-1" : CARD, CUDA_DEVICE_ORDER: "PCI_BUS_ID" } });
  console.log(stdout, stderr);
  assert.equal(code, 0, stderr);
  for (const { n_prompt, n_gen, avg_ts } of results.parse(JSON.parse(stdout))) {
    const name = n_gen > 0 ? `tokens/s, 1 stream of ${n_gen}` : `prompt tokens/s, ${n_prompt}`;
    report({ name, value: `${avg_ts.toFixed(1)}/s`, figures: { tokens_per_s: avg_ts } });
  }
}
