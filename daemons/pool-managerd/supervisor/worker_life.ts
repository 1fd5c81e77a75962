import type { ExitStatus } from "#shared/process.ts";
import type { WorkerExit, WorkerState } from "#shared/contracts/pool.ts";

/** Where a worker stands between its start and its end; what must happen when. */
export interface WorkerLife {
  readonly state: WorkerState;
  /** When the next thing falls due, in milliseconds since the epoch; null: never. */
  readonly deadline: number | null;
  /** Why we end it; null while we do not. */
  readonly cause: "timeout" | "stop" | null;
  /** SIGKILL was sent: nothing is left but to wait. */
  readonly killed: boolean;
}

/** What happens to a worker. */
export type LifeEvent =
  /** Its health answered while it loads. */
  | { readonly type: "loading" }
  /** Its ready callback was checked and its health probed. */
  | { readonly type: "ready" }
  | { readonly type: "drain"; readonly deadlineMs: number; readonly stopDeadlineMs: number }
  /** A look at its health, begun after the drain, saw nothing active. */
  | { readonly type: "idle"; readonly stopDeadlineMs: number }
  | { readonly type: "stop"; readonly deadlineMs: number }
  /** Its health has been silent for too long. */
  | { readonly type: "unresponsive" }
  /** Time has passed; `stopDeadlineMs` is what a stop gets that falls due now. */
  | { readonly type: "tick"; readonly stopDeadlineMs: number };

/** A worker's next stand, and the signal to send it now. */
export interface LifeStep {
  readonly life: WorkerLife;
  readonly signal?: "SIGTERM" | "SIGKILL";
}

/** A worker that was just started. */
export function newLife(now: number, startTimeoutMs: number): WorkerLife {
  return { state: "starting", deadline: now + startTimeoutMs, cause: null, killed: false };
}

/**
 * Decides what an event changes.
 *
 * 1. A stopping worker only waits: an earlier deadline counts, and a deadline that is over kills.
 * 2. Loading and ready move a worker on that nobody has asked to end.
 * 3. A drain waits for the last stream or its deadline, then stops; before ready it stops at once.
 * 4. A start whose deadline is over, and silence, kill.
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

/** What worker logs say when memory, the device's or the machine's, was not enough. */
const OUT_OF_MEMORY =
  /out of memory|failed to allocate|unable to allocate|cannot allocate|bad_alloc|INSUFFICIENT_MEMORY/i;

/** What llama.cpp could not allocate stands some lines before the last word of the worker. */
const LAST_LINES = 20;

/** A shell or a container gives a process that SIGKILL ended this code. */
const KILLED_CODE = 128 + 9;

/**
 * The category of an exit: what we did to it comes first, then what the kernel and the log say.
 *
 * @param kernelKilled Whether the kernel's count of out-of-memory kills rose since the last look.
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
