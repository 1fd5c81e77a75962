import { type LoadMemory, loadMemory } from "../contracts/worker.ts";
import { LinkedAbort } from "../aborts.ts";
import { errorMessage } from "../errors.ts";
import type { Executable } from "../executables.ts";
import { forLlama } from "../for_llama.ts";
import { runBounded } from "../run_program.ts";

/** What a worker's engine says that a load takes, or why it does not say it. */
export type EngineEstimate =
  | { readonly memory: LoadMemory }
  | { readonly problem: string };

/** Options of {@linkcode askEngine}. */
export interface AskOptions {
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>;
  /** The child ends after this time by itself, and is killed if it does not. */
  readonly deadlineMs: number;
  /** Kills the child. */
  readonly signal?: AbortSignal;
}

/** Time that a child has to start and to end beside its own deadline, in milliseconds. */
const MARGIN_MS = 5_000;
/** Most that is read of its output, in characters. */
const MAX_OUTPUT = 64 * 1024;
const MAX_REASON = 300;

/**
 * Asks the engine what a load takes, in a short child: `llorch-candled --estimate`. Nothing that the
 * child does can harm this process: a crash, a hang and any output come back as a problem.
 *
 * @param worker The worker's program.
 * @param args Its flags for the load: `--model …`.
 */
export async function askEngine(
  worker: Executable,
  args: readonly string[],
  { env, deadlineMs, signal }: AskOptions,
): Promise<EngineEstimate> {
  const { command, args: words } = forLlama({
    command: worker.command,
    args: [...worker.args, "--estimate", `--estimate-deadline-ms=${deadlineMs}`, ...args],
  });
  using stop = new LinkedAbort(signal);
  let isLate = false;
  stop.abortAfter(Math.max(0, deadlineMs + MARGIN_MS), () => isLate = true);
  try {
    const { code, stdout, stderr, endedBy, isTooLong } = await runBounded(
      { command, args: words },
      { env, maxOutput: MAX_OUTPUT, signal: stop.signal },
    );
    if (isTooLong) return { problem: "it writes too much" };
    if (code === 0) return parse(stdout);
    if (isLate) return { problem: `it took more than ${deadlineMs} ms` };
    const said = stderr.trim().split("\n").at(-1)!.replace(/^llorch-candled: /, "");
    if (said !== "") return { problem: said.slice(0, MAX_REASON) };
    return { problem: `it ended by ${endedBy ?? `exit code ${code}`}` };
  } catch (error) {
    return { problem: `it cannot be started: ${errorMessage(error)}` };
  }
}

function parse(output: string): EngineEstimate {
  try {
    return { memory: loadMemory.parse(JSON.parse(output)) };
  } catch {
    return { problem: "its answer cannot be read" };
  }
}
