import { type Outcome, runDeno } from "./command.ts";
import { testEnv } from "./test_env.ts";

/** A process in which no test has ended for this long counts as hung, in milliseconds. */
const STALL_MS = 1_000 * Number(Deno.env.get("LLORCH_TEST_STALL_S") ?? 180);

/** With `--watch` there is no limit, since it waits for changes. */
const NEVER_MS = 2 ** 31 - 1;

/** Types are checked by `deno task check`; a test run must not change the lock file. */
const FLAGS = ["--quiet", "--no-check", "--no-prompt", "--frozen", "-P=tools"];

/** Options of {@linkcode runTests}. */
export interface TestProcessOptions {
  /** Called with the output as it arrives. */
  readonly onOutput?: (bytes: Uint8Array, stream: "stdout" | "stderr") => void;
  /** Interrupts the tests. */
  readonly signal: AbortSignal;
}

/** Runs one `deno test`, and stops it if it hangs. */
export async function runTests(
  args: readonly string[],
  { onOutput, signal }: TestProcessOptions,
): Promise<Outcome> {
  const stop = new AbortController();
  const end = () => stop.abort();
  signal.addEventListener("abort", end, { once: true });
  const stall = () => {
    console.error(`No test has ended for ${STALL_MS / 1000} s: stopping ${args.join(" ")}`);
    end();
  };
  const stallMs = args.includes("--watch") ? NEVER_MS : STALL_MS;
  let timer = setTimeout(stall, stallMs);
  try {
    return await runDeno(["test", ...FLAGS, ...args], {
      env: {
        ...testEnv(Deno.env.toObject()),
        ...Deno.stdout.isTerminal() ? { FORCE_COLOR: "1" } : { NO_COLOR: "1" },
      },
      clearEnv: true,
      signal: stop.signal,
      onOutput(bytes, stream) {
        onOutput?.(bytes, stream);
        if (new TextDecoder().decode(bytes).includes("has been running for over")) return;
        clearTimeout(timer);
        timer = setTimeout(stall, stallMs);
      },
    });
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
  }
}
