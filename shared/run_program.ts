import { onAbort } from "./aborts.ts";
import type { Executable } from "./executables.ts";
import { signalChild } from "./process.ts";

/** Exit code and output of a program that has ended. */
export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Options of {@linkcode runProgram}. */
export interface ProgramOptions {
  readonly cwd?: string;
  /** Added to our own environment. */
  readonly env?: Record<string, string>;
}

/**
 * Runs a program to its end, without input, and collects its output.
 *
 * @param options.signal Ends the program when it aborts; the result then has the code of a killed program.
 * @throws {Deno.errors.NotFound} if there is no such program
 */
export async function runProgram(
  { command, args }: Executable,
  options: ProgramOptions & { readonly signal?: AbortSignal } = {},
): Promise<RunResult> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    ...options,
    args: [...args],
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/** Options of {@linkcode runBounded}. */
export interface BoundedOptions {
  /** The whole environment of the program. */
  readonly env: Readonly<Record<string, string>>;
  /** Most characters of each of its outputs. */
  readonly maxOutput: number;
  /** Kills the program. */
  readonly signal: AbortSignal;
}

/** How a program ended that {@linkcode runBounded} ran. */
export interface BoundedResult extends RunResult {
  /** The signal that ended it. */
  readonly endedBy: Deno.Signal | null;
  /** Whether it was killed since it wrote too much. */
  readonly isTooLong: boolean;
}

/**
 * Runs a program that is not trusted to end or to be brief, without input.
 *
 * @throws if it cannot be started
 */
export async function runBounded(
  { command, args }: Executable,
  { env, maxOutput, signal }: BoundedOptions,
): Promise<BoundedResult> {
  const child = new Deno.Command(command, {
    args: [...args],
    clearEnv: true,
    env: { ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let isTooLong = false;
  const kill = () => signalChild(child, "SIGKILL");
  const read = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of stream) {
      if (!isTooLong) text += decoder.decode(chunk, { stream: true });
      if (isTooLong || text.length <= maxOutput) continue;
      isTooLong = true;
      kill();
    }
    return text;
  };
  const forget = onAbort(signal, kill);
  try {
    const [stdout, stderr, { code, signal: endedBy }] = await Promise.all([
      read(child.stdout),
      read(child.stderr),
      child.status,
    ]);
    return { code, stdout, stderr, endedBy, isTooLong };
  } finally {
    forget();
  }
}

/** Options of {@linkcode runInForeground}. */
export interface ForegroundOptions extends ProgramOptions {
  /** `null`: without its output, which would be among our own. @default "inherit" */
  readonly stdout?: "inherit" | "null";
}

/**
 * Runs a program in the foreground, on our terminal and with our input and output.
 *
 * @param passSignals Called once the program runs, with a function that sends it a signal; returns a function
 * that stops passing them. Without it, the program gets only the signals that the terminal sends.
 * @returns its exit code; 128 and the signal's number when a signal ended it
 * @throws {Deno.errors.NotFound} if there is no such program
 */
export async function runInForeground(
  { command, args }: Executable,
  { stdout = "inherit", ...options }: ForegroundOptions = {},
  passSignals: (send: (name: Deno.Signal) => void) => () => void = () => () => {},
): Promise<number> {
  const child = new Deno.Command(command, {
    ...options,
    args: [...args],
    stdin: "inherit",
    stdout,
    stderr: "inherit",
  }).spawn();
  const stopPassing = passSignals((name) => signalChild(child, name));
  try {
    return (await child.status).code;
  } finally {
    stopPassing();
  }
}
