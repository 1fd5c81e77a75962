import type { ChildProcess } from "node:child_process";
import type { Executable } from "#shared/executables.ts";
import { forLlama } from "#shared/for_llama.ts";
import type { Clock } from "#shared/clock.ts";
import type { StandbyOrders } from "#shared/contracts/worker.ts";
import { LlorchError } from "#shared/errors.ts";
import { type ExitStatus, NOT_EXECUTABLE, sendSignal, startProcess } from "#shared/process.ts";
import type { ProcessTable } from "./process_table.ts";

/** Time between two checks of a process that is not our child, in milliseconds. */
const ADOPTED_LOOK_MS = 250;
/**
 * One check in this many also compares the start time, which costs more, in case the pid was
 * reused.
 */
const THOROUGH_EVERY = 8;

/** A worker's process: our child, or one that an earlier pool manager started. */
export interface WorkerProcess {
  readonly pid: number;
  readonly startTime: string | undefined;
  /** Resolves when the process has ended. */
  readonly exited: Promise<ExitStatus>;
  /** Sends a signal; does nothing if the process has ended. */
  signal(name: "SIGTERM" | "SIGKILL"): void;
  /** Stops watching; the process keeps running. */
  forget(): void;
}

/** A standby worker's process, which waits for its orders on stdin. */
export interface PreparedProcess {
  readonly process: WorkerProcess;
  /** Sends the orders; called once. */
  order(orders: StandbyOrders): void;
}

/** Starts worker processes and adopts living ones. */
export interface Spawner {
  /** @throws {LlorchError} `WORKER_START_FAILED` if the program cannot be started */
  spawn(executable: Executable, env: Readonly<Record<string, string>>, log: string): WorkerProcess;
  /**
   * Starts a standby worker; it ends by itself if we end before its orders.
   *
   * @throws {LlorchError} as {@linkcode spawn}
   */
  prepare(
    executable: Executable,
    env: Readonly<Record<string, string>>,
    log: string,
  ): PreparedProcess;
  /** The process with this pid and start time; undefined if it is gone. */
  adopt(pid: number, startTime: string): WorkerProcess | undefined;
}

/** The {@linkcode Spawner} that starts real processes. */
export function processSpawner(table: ProcessTable, clock: Clock): Spawner {
  return {
    spawn: (executable, env, log) => startWorker(executable, env, log, table, "ignore").process,
    prepare(executable, env, log) {
      const { process, child } = startWorker(executable, env, log, table, "pipe");
      return { process, order: (orders) => child.stdin!.end(JSON.stringify(orders) + "\n") };
    },
    adopt(pid, startTime) {
      return table.startTime(pid) === startTime
        ? adoptProcess(pid, startTime, table, clock)
        : undefined;
    },
  };
}

function startWorker(
  executable: Executable,
  env: Readonly<Record<string, string>>,
  output: string,
  table: ProcessTable,
  stdin: "ignore" | "pipe",
): { readonly process: WorkerProcess; readonly child: ChildProcess } {
  const { command: name } = executable;
  const code = "WORKER_START_FAILED";
  // Checked here, since the shell that starts it would report it only in the worker's log.
  if (!mayRun(name)) throw new LlorchError(code, `Cannot start ${name}: ${NOT_EXECUTABLE}`);
  const started = startProcess(forLlama(executable), { env, stdin, output, code, name });
  const { child, pid, exited } = started;
  const process: WorkerProcess = {
    pid,
    startTime: table.startTime(pid),
    exited,
    // Not child.kill(): Deno's sends only one signal, and then reports any exit as caused by it.
    signal: (name) => started.hasExited ? undefined : sendSignal(pid, name),
    forget: () => child.unref(),
  };
  return { process, child };
}

function mayRun(command: string): boolean {
  // A name without a folder is searched on PATH.
  if (!command.includes("/")) return true;
  try {
    const { isFile, mode } = Deno.statSync(command);
    return isFile && (mode === null || (mode & 0o111) !== 0);
  } catch {
    return false;
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
    // The pid may have been reused; another process must not get our signal.
    signal: (name) => isAlive() ? sendSignal(pid, name) : undefined,
    forget: () => cancel(),
  };
}
