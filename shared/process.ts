import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { type ErrorCode, errorMessage, LlorchError } from "./errors.ts";
import type { Executable } from "./executables.ts";

/** How a process ended: one of the two is null. */
export interface ExitStatus {
  readonly exit_code: number | null;
  readonly signal: string | null;
}

/** A child that was started. */
export interface StartedProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Resolves when it has ended. */
  readonly exited: Promise<ExitStatus>;
  /** Whether it has ended: its pid may be another's by now. */
  readonly hasExited: boolean;
}

/** How {@linkcode startProcess} starts a program. */
export interface StartOptions {
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: "ignore" | "pipe";
  /** A file that gets its output, readable by its owner alone; absent: its output goes where ours does. */
  readonly output?: string;
  /** Code of the error when it cannot be started. */
  readonly code: ErrorCode;
  /** Name of the program in that error. */
  readonly name?: string;
}

/**
 * Starts a program in a session of its own: neither Ctrl-C in our terminal nor our own death reaches it,
 * and with a file for its output no pipe of ours can block it.
 *
 * @throws {LlorchError} with the code that is given, when the program cannot be started
 */
export function startProcess(
  { command, args }: Executable,
  { env, stdin, output, code, name = command }: StartOptions,
): StartedProcess {
  const failed = (reason: string, cause?: unknown) =>
    new LlorchError(code, `Cannot start ${name}: ${reason}`, { cause });
  let child: ChildProcess;
  try {
    const file = output === undefined ? undefined : openSync(output, "a", 0o600);
    try {
      const stdio: StdioOptions = [stdin, file ?? "inherit", file ?? "inherit"];
      child = spawn(command, [...args], { detached: true, env, stdio });
    } finally {
      if (file !== undefined) closeSync(file);
    }
  } catch (error) {
    throw failed(errorMessage(error), error);
  }
  const { promise: exited, resolve } = Promise.withResolvers<ExitStatus>();
  let hasExited = false;
  child.once("exit", (exit_code, signal) => {
    hasExited = true;
    resolve({ exit_code, signal });
  });
  // A program that cannot be executed is reported here, later, and by a missing pid, at once.
  child.on("error", () => {});
  // It may have ended before it reads.
  child.stdin?.on("error", () => {});
  const { pid } = child;
  if (pid === undefined) throw failed(NOT_EXECUTABLE);
  return {
    child,
    pid,
    exited,
    get hasExited() {
      return hasExited;
    },
  };
}

/** Why a program cannot be started that is not there, or not for us. */
export const NOT_EXECUTABLE = "it is missing or may not be executed";

/** Sends a signal to a process, or with a negative id to a group, that may already be gone. */
export function sendSignal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Sends a signal to a child of ours that may have ended. */
export function signalChild(child: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    child.kill(name);
  } catch (error) {
    // Deno throws a TypeError for a child that it has seen end.
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
}
