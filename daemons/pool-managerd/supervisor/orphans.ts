/**
 * Processes whose parents have ended become children of process 1. In a container that may be this
 * program. After their end they stay zombies, with their process ids, unless process 1 reaps them.
 *
 * @module
 */
import type { Clock } from "#shared/clock.ts";
import { INIT_FIX } from "#shared/defaults.ts";
import { errorMessage } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";
import { listSystemFolder, readSystemFileSync } from "../system_files.ts";

/** Time between two checks, in milliseconds. */
const LOOK_MS = 5_000;

/** Option of `waitpid` not to wait. */
const WNOHANG = 1;

/** An ended process that waits to be reaped. */
export interface Zombie {
  readonly pid: number;
  readonly startTime: string;
}

/** The used functions of the system. */
export interface OrphanSystem {
  /** Ended children of this process. */
  zombies(): readonly Zombie[];
  /** Reaps an ended child. */
  reap(pid: number): void;
}

/**
 * Reaps ended children that are orphans. The runtime itself reaps those that it has started, as
 * soon as they end, and needs their statuses; so only a zombie that is there at two checks in a row
 * counts as an orphan.
 *
 * @returns a function that stops it
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

/** The functions of this system; undefined, with a warning, if the C library cannot be called. */
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

/** Reads an ended child of a process from `/proc/<pid>/stat`; undefined for any other process. */
export function zombieOfStat(stat: string, parent: number): Zombie | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, ppid] = fields;
  const startTime = fields[19];
  if (state !== "Z" || Number(ppid) !== parent || startTime === undefined) return undefined;
  return { pid: parseInt(stat, 10), startTime };
}
