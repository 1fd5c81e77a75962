/**
 * Runs every test, or those that the arguments select, and ends with one plain line.
 *
 * @module
 */
import { runDeno } from "./command.ts";
import { testSummary } from "./test_summary.ts";

if (import.meta.main) {
  // Types are a matter of `check`; the lock file is never rewritten by a test run.
  const flags = ["--quiet", "--no-check", "--no-prompt", "--frozen", "-P=tools"];
  const { code, output } = await runDeno(["test", ...flags, ...Deno.args], {
    env: Deno.stdout.isTerminal() ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" },
    onOutput(bytes, stream) {
      for (let at = 0; at < bytes.length;) at += Deno[stream].writeSync(bytes.subarray(at));
    },
  });
  const summary = testSummary(output);
  console.log(summary ?? "Cannot find the summary of deno test: see its output above");
  Deno.exit(summary === undefined && code === 0 ? 1 : code);
}
