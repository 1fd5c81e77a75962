/**
 * Ended processes whose parents have gone before them fall to process 1. In a container that may be this
 * one, and what nobody waits for stays a zombie, with its process id, until the container ends.
 *
 * @module
 */
import type { Clock } from "#shared/clock.ts";
import { INIT_FIX } from "#shared/defaults.ts";
import { errorMessage } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import { listSystemFolder, readSystemFileSync } from "../system_files.ts";

/** How often is looked, in milliseconds. */
const LOOK_MS = 5_000;

/** `waitpid` does not wait. */
const WNOHANG = 1;

/** An ended process that waits to be reaped. */
export interface Zombie {
  readonly pid: number;
  readonly startTime: string;
}

/** What is asked of the system. */
export interface OrphanSystem {
  /** Ended children of this process. */
  zombies(): readonly Zombie[];
  /** Reaps an ended child. */
  reap(pid: number): void;
}

/**
 * Reaps ended children that nobody else waits for. The runtime waits for those that it has started, as
 * soon as they end, and their statuses are not ours to take: only a zombie that is there at two looks
 * in a row is an orphan.
 *
 * @returns what ends it
 */
export function reapOrphans(
  clock: Clock,
  log: Logger,
  system: OrphanSystem | undefined = systemOrphans(log),
): () => void {
  if (!system) return () => {};
  let before = new Set<string>();
  let cancel = () => {};
  const look = () => {
    const now = new Set<string>();
    for (const { pid, startTime } of system.zombies()) {
      const key = `${pid} ${startTime}`;
      if (before.has(key)) {
        system.reap(pid);
        log.debug("orphan_reaped", { pid });
      } else now.add(key);
    }
    before = now;
    cancel = clock.after(LOOK_MS, look);
  };
  cancel = clock.after(LOOK_MS, look);
  return () => cancel();
}

/** The system's; undefined, and a warning, where the C library cannot be called. */
function systemOrphans(log: Logger): OrphanSystem | undefined {
  try {
    const libc = Deno.dlopen("libc.so.6", {
      waitpid: { parameters: ["i32", "pointer", "i32"], result: "i32" },
    });
    return {
      zombies,
      reap: (pid) => void libc.symbols.waitpid(pid, null, WNOHANG),
    };
  } catch (error) {
    log.warn("orphans_not_reaped", {
      reason: errorMessage(error),
      fix: INIT_FIX,
    });
    return undefined;
  }
}

function zombies(): Zombie[] {
  return listSystemFolder("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const zombie = zombieOfStat(readSystemFileSync(`/proc/${name}/stat`) ?? "", Deno.pid);
    return zombie ?? [];
  });
}

/** What `/proc/<pid>/stat` says of an ended child of a process; undefined for any other. */
export function zombieOfStat(stat: string, parent: number): Zombie | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, ppid] = fields;
  const startTime = fields[19];
  if (state !== "Z" || Number(ppid) !== parent || startTime === undefined) return undefined;
  return { pid: parseInt(stat, 10), startTime };
}
