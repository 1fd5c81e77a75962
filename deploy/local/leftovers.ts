import type { WorkerView } from "#shared/contracts/mod.ts";
import { delay } from "#shared/lifecycle.ts";

/** How long a worker may take to end by itself, in milliseconds. */
const GRACE_MS = 5_000;

/** Text in a worker's command line, to detect that its process id was reused. */
export type Leftover = Pick<WorkerView, "pid" | "worker_id">;

/**
 * Ends workers whose pool manager was killed, since nothing else does. A process counts as one of
 * them only if its command line names the worker.
 */
export async function endLeftovers(workers: readonly Leftover[]): Promise<void> {
  const left = workers.filter(isRunning);
  for (const { pid } of left) signal(pid, "SIGTERM");
  await untilGone(left);
  for (const worker of left.filter(isRunning)) signal(worker.pid, "SIGKILL");
  // The kernel frees its memory first.
  await untilGone(left);
}

/** Waits until none runs, or for the grace. */
async function untilGone(workers: readonly Leftover[]): Promise<void> {
  const deadline = performance.now() + GRACE_MS;
  while (workers.some(isRunning) && performance.now() < deadline) await delay(20);
}

function isRunning({ pid, worker_id }: Leftover): boolean {
  let line: string;
  try {
    const ps = new Deno.Command("ps", {
      args: ["-o", "stat=,args=", "-p", String(pid)],
      stderr: "null",
    }).outputSync();
    line = new TextDecoder().decode(ps.stdout).trim();
  } catch {
    // Without ps they cannot be identified; a worker without calls ends by itself.
    return false;
  }
  return line !== "" && !line.startsWith("Z") && line.includes(worker_id);
}

function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch {
    // It has ended already.
  }
}
