/**
 * Runs every test, or those that the arguments select, and ends with one plain line.
 *
 * @module
 */
import { runDeno } from "./command.ts";
import { testEnv } from "./test_env.ts";
import { foundNothing, testSummary } from "./test_summary.ts";

/** A run in which no test has ended for this long hangs, in milliseconds. */
const STALL_MS = 180_000;

/** Tests that take minutes and have tasks of their own. */
const LONG = ["tests/packages", "tests/offline", "tests/conformance"];

/** Types are a matter of `check`; the lock file is never rewritten by a test run. */
const FLAGS = ["--quiet", "--no-check", "--no-prompt", "--frozen", "-P=tools"];

/** Runs `deno test` and gives the exit code. */
export async function test(args: readonly string[]): Promise<number> {
  const stalled = new AbortController();
  const stall = () => {
    console.error(`No test has ended for ${STALL_MS / 1000} s: stopping`);
    stalled.abort();
  };
  // Who watches waits for a change, for as long as it takes.
  const stallMs = args.includes("--watch") ? 2 ** 31 - 1 : STALL_MS;
  let timer = setTimeout(stall, stallMs);
  const isPath = (arg: string) => /^[^-].*(\/|_test\.ts$)/.test(arg);
  const ignored = args.some(isPath) ? [] : [`--ignore=${LONG.join(",")}`];
  const { code, output } = await runDeno(["test", ...FLAGS, ...ignored, ...args], {
    env: {
      ...testEnv(Deno.env.toObject()),
      ...Deno.stdout.isTerminal() ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" },
    },
    clearEnv: true,
    signal: stalled.signal,
    onOutput(bytes, stream) {
      for (let at = 0; at < bytes.length;) at += Deno[stream].writeSync(bytes.subarray(at));
      if (new TextDecoder().decode(bytes).includes("has been running for over")) return;
      clearTimeout(timer);
      timer = setTimeout(stall, stallMs);
    },
  });
  clearTimeout(timer);
  const summary = testSummary(output);
  console.log(summary ?? "Cannot find the summary of deno test: see its output above");
  if (code === 0 && foundNothing(summary, args)) {
    console.error("No test has a name that --filter takes: nothing was tried");
    return 1;
  }
  return summary === undefined && code === 0 ? 1 : code;
}

if (import.meta.main) Deno.exit(await test(Deno.args));
