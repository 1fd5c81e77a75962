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
