import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { type ErrorCode, errorMessage, LlorchError } from "./errors.ts";
import type { Executable } from "./executables.ts";

/** How a process ended; one of the two fields is null. */
export interface ExitStatus {
  readonly exit_code: number | null;
  readonly signal: string | null;
}

/** A child that was started. */
export interface StartedProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Resolves when the process has ended. */
  readonly exited: Promise<ExitStatus>;
  /** Whether it has ended; then its pid may belong to another process. */
  readonly hasExited: boolean;
}

/** Options of {@linkcode startProcess}. */
export interface StartOptions {
  /** The whole environment of the program. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: "ignore" | "pipe";
  /** File for its output, readable only by its owner; absent: our own stdout and stderr. */
  readonly output?: string;
  /** Code of the error if it cannot be started. */
  readonly code: ErrorCode;
  /** Name of the program in that error. */
  readonly name?: string;
}

/**
 * Starts a program in a session of its own: neither Ctrl-C in our terminal nor our own end stops
 * it. With a file for its output, no pipe can block it.
 *
 * @throws {LlorchError} with the given `code` if the program cannot be started
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
  // A program that cannot be executed has no pid, which is checked below; this event comes later.
  child.on("error", () => {});
  // The program may end before it reads.
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

/** Reason why a program without a pid could not be started. */
export const NOT_EXECUTABLE = "it is missing or may not be executed";

/** Sends a signal to a process, or to a group if `pid` is negative; ignores one that has ended. */
export function sendSignal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Sends a signal to a child; ignores one that has ended. */
export function signalChild(child: Deno.ChildProcess, name: Deno.Signal): void {
  try {
    child.kill(name);
  } catch (error) {
    // Deno throws a TypeError for a child whose end it has seen.
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
}
