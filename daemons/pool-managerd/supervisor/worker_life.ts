import type { ExitStatus } from "#shared/process.ts";
import type { WorkerExit, WorkerState } from "#shared/contracts/pool.ts";

/** State of a worker between its start and its end, with its next deadline. */
export interface WorkerLife {
  readonly state: WorkerState;
  /** The next deadline, in milliseconds since the epoch; null: none. */
  readonly deadline: number | null;
  /** Why we end it; null if we do not. */
  readonly cause: "timeout" | "stop" | null;
  /** Whether SIGKILL was sent, after which we only wait. */
  readonly killed: boolean;
}

/** An event of a worker's life. */
export type LifeEvent =
  /** A health check succeeded while it loads. */
  | { readonly type: "loading" }
  /** Its ready callback was checked and its health probed. */
  | { readonly type: "ready" }
  | { readonly type: "drain"; readonly deadlineMs: number; readonly stopDeadlineMs: number }
  /** A health check begun after the drain found nothing active. */
  | { readonly type: "idle"; readonly stopDeadlineMs: number }
  | { readonly type: "stop"; readonly deadlineMs: number }
  /** Its health checks have failed for too long. */
  | { readonly type: "unresponsive" }
  /** Time has passed; `stopDeadlineMs` is the deadline of a stop that begins now. */
  | { readonly type: "tick"; readonly stopDeadlineMs: number };

/** A worker's next state, and the signal to send now. */
export interface LifeStep {
  readonly life: WorkerLife;
  readonly signal?: "SIGTERM" | "SIGKILL";
}

/** The state of a worker that was just started. */
export function newLife(now: number, startTimeoutMs: number): WorkerLife {
  return { state: "starting", deadline: now + startTimeoutMs, cause: null, killed: false };
}

/**
 * Decides the next state and signal after an event.
 *
 * 1. A stopping worker only waits: the earliest deadline counts, and after it the worker is killed.
 * 2. Loading and ready apply only to a worker that is not being ended.
 * 3. A drain waits for the last stream or its deadline, then stops; before ready it stops at once.
 * 4. A start that is not ready by its deadline, and silence, kill.
 */
export function step(life: WorkerLife, event: LifeEvent, now: number): LifeStep {
  const isDue = life.deadline !== null && now >= life.deadline;
  // 1
  if (life.state === "stopping") {
    if (event.type === "unresponsive") return { life };
    if (event.type === "stop") {
      const deadline = Math.min(life.deadline ?? Infinity, now + event.deadlineMs);
      return life.killed ? { life } : { life: { ...life, deadline } };
    }
    return isDue && !life.killed ? kill(life, life.cause) : { life };
  }
  switch (event.type) {
    // 2
    case "loading":
      return life.state === "starting" ? { life: { ...life, state: "loading" } } : { life };
    case "ready":
      return life.state === "starting" || life.state === "loading"
        ? { life: { ...life, state: "ready", deadline: null } }
        : { life };
    // 3
    case "drain":
      if (life.state === "ready") {
        return { life: { ...life, state: "draining", deadline: now + event.deadlineMs } };
      }
      if (life.state === "draining") {
        const deadline = Math.min(life.deadline ?? Infinity, now + event.deadlineMs);
        return { life: { ...life, deadline } };
      }
      return stop(life, now + event.stopDeadlineMs);
    case "idle":
      return life.state === "draining" ? stop(life, now + event.stopDeadlineMs) : { life };
    case "stop":
      return stop(life, now + event.deadlineMs);
    // 4
    case "unresponsive":
      return kill(life, "timeout");
    case "tick":
      if (!isDue) return { life };
      return life.state === "draining"
        ? stop(life, now + event.stopDeadlineMs)
        : kill(life, "timeout");
  }
}

function stop(life: WorkerLife, deadline: number): LifeStep {
  return { life: { ...life, state: "stopping", deadline, cause: "stop" }, signal: "SIGTERM" };
}

function kill(life: WorkerLife, cause: WorkerLife["cause"]): LifeStep {
  return {
    life: { ...life, state: "stopping", deadline: null, cause, killed: true },
    signal: "SIGKILL",
  };
}

/** Texts in worker logs that mean that memory, of the device or the machine, was not enough. */
const OUT_OF_MEMORY =
  /out of memory|failed to allocate|unable to allocate|cannot allocate|bad_alloc|INSUFFICIENT_MEMORY/i;

/** Last log lines that are searched: llama.cpp's error is some lines before the worker's. */
const LAST_LINES = 20;

/** Exit code that a shell or container reports for a process that SIGKILL ended. */
export const KILLED_CODE = 128 + 9;

/**
 * The category of an exit: what we did comes first, then the kernel's count and the log.
 *
 * @param kernelKilled Whether the kernel's count of out-of-memory kills rose since the last check.
 */
export function exitCategory(
  life: WorkerLife,
  status: ExitStatus,
  kernelKilled: boolean,
  lines: readonly string[],
): WorkerExit["category"] {
  if (life.cause !== null) return life.cause;
  const wasReady = life.state === "ready" || life.state === "draining";
  if (wasReady && status.exit_code === 0) return "stop";
  const isUnknown = status.signal === null && status.exit_code === null;
  const wasKilled = status.signal === "SIGKILL" || status.exit_code === KILLED_CODE;
  const mayBeKernel = wasKilled || isUnknown;
  if (mayBeKernel && kernelKilled) return "oom";
  const saysSo = lines.slice(-LAST_LINES).some((line) => OUT_OF_MEMORY.test(line));
  if (!wasKilled && saysSo) return "oom";
  return "crash";
}
