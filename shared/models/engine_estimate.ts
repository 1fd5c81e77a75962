import { type LoadMemory, loadMemory } from "../contracts/worker.ts";
import { errorMessage } from "../errors.ts";
import type { Executable } from "../executables.ts";
import { withLargeStack } from "../large_stack.ts";
import { signalChild } from "../process.ts";

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
/** Most that is read of its output, in bytes. */
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
  const { command, args: words } = withLargeStack({
    command: worker.command,
    args: [...worker.args, "--estimate", `--estimate-deadline-ms=${deadlineMs}`, ...args],
  });
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(command, {
      args: [...words],
      clearEnv: true,
      env: { ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    return { problem: `it cannot be started: ${errorMessage(error)}` };
  }
  const kill = () => signalChild(child, "SIGKILL");
  let isLate = false;
  let isEndless = false;
  const tooMuch = () => {
    isEndless = true;
    kill();
  };
  const deadline = setTimeout(() => {
    isLate = true;
    kill();
  }, deadlineMs + MARGIN_MS);
  signal?.addEventListener("abort", kill);
  if (signal?.aborted) kill();
  try {
    const [stdout, stderr, status] = await Promise.all([
      readSome(child.stdout, tooMuch),
      readSome(child.stderr, tooMuch),
      child.status,
    ]);
    if (isLate) return { problem: `it took more than ${deadlineMs} ms` };
    if (isEndless) return { problem: "it writes too much" };
    if (status.success) return parse(stdout);
    const said = stderr.trim().split("\n").at(-1)!.replace(/^llorch-candled: /, "");
    if (said !== "") return { problem: said.slice(0, MAX_REASON) };
    return { problem: `it ended by ${status.signal ?? `exit code ${status.code}`}` };
  } finally {
    clearTimeout(deadline);
    signal?.removeEventListener("abort", kill);
  }
}

function parse(output: string): EngineEstimate {
  try {
    return { memory: loadMemory.parse(JSON.parse(output)) };
  } catch {
    return { problem: "its answer cannot be read" };
  }
}

/** Reads a stream to its end; calls `onTooMuch` if it is too long. */
async function readSome(
  stream: ReadableStream<Uint8Array>,
  onTooMuch: () => void,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    if (text.length < MAX_OUTPUT) text += decoder.decode(chunk, { stream: true });
    else onTooMuch();
  }
  return text;
}
