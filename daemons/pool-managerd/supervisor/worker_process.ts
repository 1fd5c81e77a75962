import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Executable } from "#shared/executables.ts";
import { withLargeStack } from "#shared/large_stack.ts";
import type { Clock } from "#shared/clock.ts";
import type { StandbyOrders } from "#shared/contracts/worker.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { ProcessTable } from "./process_table.ts";
import type { ExitStatus } from "./worker_life.ts";

/** How often a process that is not our child is looked for, in milliseconds. */
const ADOPTED_LOOK_MS = 250;
/** Every so many looks go by the start time too, which costs more: the pid may be another's by now. */
const THOROUGH_EVERY = 8;

/** A worker's process: our child, or one that an earlier pool manager started. */
export interface WorkerProcess {
  readonly pid: number;
  readonly startTime: string | undefined;
  /** Resolves when it has ended. */
  readonly exited: Promise<ExitStatus>;
  /** Does nothing when it has ended. */
  signal(name: "SIGTERM" | "SIGKILL"): void;
  /** Stops watching; the process goes on. */
  forget(): void;
}

/** A worker's process that waits on its stdin until it is told what to do. */
export interface PreparedProcess {
  readonly process: WorkerProcess;
  /** Tells it, once. */
  order(orders: StandbyOrders): void;
}

/** Starts worker processes and takes over living ones. */
export interface Spawner {
  /** @throws {LlorchError} `WORKER_START_FAILED` when the program cannot be started. */
  spawn(executable: Executable, env: Readonly<Record<string, string>>, log: string): WorkerProcess;
  /**
   * Starts a worker that waits for its orders; it ends by itself when we do before they are given.
   *
   * @throws {LlorchError} as {@linkcode spawn}
   */
  prepare(
    executable: Executable,
    env: Readonly<Record<string, string>>,
    log: string,
  ): PreparedProcess;
  /** The process with this pid and start time; undefined when it is gone. */
  adopt(pid: number, startTime: string): WorkerProcess | undefined;
}

/** The {@linkcode Spawner} that starts real processes. */
export function processSpawner(table: ProcessTable, clock: Clock): Spawner {
  return {
    spawn: (executable, env, log) => startProcess(executable, env, log, table, "ignore").process,
    prepare(executable, env, log) {
      const { process, child } = startProcess(executable, env, log, table, "pipe");
      // It may have ended: then its exit says so.
      child.stdin!.on("error", () => {});
      return { process, order: (orders) => child.stdin!.end(JSON.stringify(orders) + "\n") };
    },
    adopt(pid, startTime) {
      return table.startTime(pid) === startTime
        ? adoptProcess(pid, startTime, table, clock)
        : undefined;
    },
  };
}

/**
 * Starts a program in a session of its own with its output in a file: neither Ctrl-C in our
 * terminal nor our own death reaches it, and no pipe of ours can block it.
 */
function startProcess(
  executable: Executable,
  env: Readonly<Record<string, string>>,
  log: string,
  table: ProcessTable,
  stdin: "ignore" | "pipe",
): { readonly process: WorkerProcess; readonly child: ChildProcess } {
  const failed = (reason: string, cause?: unknown) =>
    new LlorchError("WORKER_START_FAILED", `Cannot start ${executable.command}: ${reason}`, {
      cause,
    });
  // The shell that starts it would say so in its log alone.
  if (!mayRun(executable.command)) throw failed(NOT_THERE);
  const { command, args } = withLargeStack(executable);
  let child: ChildProcess;
  try {
    const output = openSync(log, "a", 0o600);
    try {
      child = spawn(command, [...args], {
        detached: true,
        env,
        stdio: [stdin, output, output],
      });
    } finally {
      closeSync(output);
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
  // A program that cannot be executed is told here, later, and by a missing pid, at once.
  child.on("error", () => {});
  if (child.pid === undefined) throw failed(NOT_THERE);
  const { pid } = child;
  const process: WorkerProcess = {
    pid,
    startTime: table.startTime(pid),
    exited,
    // Not child.kill(): Deno's sends one signal only and then calls any exit the work of that signal.
    signal: (name) => hasExited ? undefined : sendSignal(pid, name),
    forget: () => child.unref(),
  };
  return { process, child };
}

const NOT_THERE = "it is missing or may not be executed";

function mayRun(command: string): boolean {
  // One without a folder is looked for on PATH.
  if (!command.includes("/")) return true;
  try {
    const { isFile, mode } = Deno.statSync(command);
    return isFile && (mode === null || (mode & 0o111) !== 0);
  } catch {
    return false;
  }
}

function sendSignal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function adoptProcess(
  pid: number,
  startTime: string,
  table: ProcessTable,
  clock: Clock,
): WorkerProcess {
  const { promise: exited, resolve } = Promise.withResolvers<ExitStatus>();
  const isAlive = () => table.startTime(pid) === startTime;
  let cancel = () => {};
  let looks = 0;
  const look = () => {
    const isThere = ++looks % THOROUGH_EVERY === 0 ? isAlive() : table.exists(pid);
    if (isThere) cancel = clock.after(ADOPTED_LOOK_MS, look);
    else resolve({ exit_code: null, signal: null });
  };
  look();
  return {
    pid,
    startTime,
    exited,
    // A pid that was given to another process in the meantime must not get our signal.
    signal: (name) => isAlive() ? sendSignal(pid, name) : undefined,
    forget: () => cancel(),
  };
}
