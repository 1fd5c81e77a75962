import process from "node:process";
import { readSystemFileSync } from "../system_files.ts";

/** Facts about the processes of this machine. */
export interface ProcessTable {
  /**
   * Start time of a living process, in a form of the system; undefined if there is no such process.
   * The same pid with another start time is another process.
   */
  startTime(pid: number): string | undefined;
  /** Whether there is a process with this pid, zombies included. */
  exists(pid: number): boolean;
  /**
   * Number of out-of-memory kills so far: in our control group, which workers share, or in the
   * whole machine if the group has no count; 0 without either.
   */
  memoryKills(): number;
}

/** The process table of this machine. */
export function systemProcessTable(): ProcessTable {
  return Deno.build.os === "linux"
    ? procTable()
    : { startTime: psStartTime, exists, memoryKills: () => 0 };
}

function procTable(): ProcessTable {
  return {
    startTime: (pid) => startTimeOfStat(readSystemFileSync(`/proc/${pid}/stat`) ?? ""),
    exists,
    memoryKills: () => memoryKills(),
  };
}

/** See {@linkcode ProcessTable.memoryKills}. */
export function memoryKills(
  read: (path: string) => string | undefined = readSystemFileSync,
): number {
  const group = /^0::(.*)$/m.exec(read("/proc/self/cgroup") ?? "")?.[1];
  const events = group === undefined
    ? undefined
    : read(`/sys/fs/cgroup${group.replace(/\/$/, "")}/memory.events`);
  const count = (text: string | undefined) => /^oom_kill (\d+)$/m.exec(text ?? "")?.[1];
  return Number(count(events) ?? count(read("/proc/vmstat")) ?? 0);
}

/**
 * Field 22 of `/proc/<pid>/stat`; undefined for zombies and processes that are gone. The second
 * field is the program's name in brackets, which may itself contain brackets and blanks.
 */
export function startTimeOfStat(stat: string): string | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const isDead = fields[0] === "Z" || fields[0] === "X";
  return isDead ? undefined : fields[19];
}

function exists(pid: number): boolean {
  try {
    // Signal 0 only tests.
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function psStartTime(pid: number): string | undefined {
  const ps = new Deno.Command("ps", {
    args: ["-o", "lstart=", "-p", String(pid)],
    env: { LC_ALL: "C" },
    stderr: "null",
  }).outputSync();
  return ps.success ? new TextDecoder().decode(ps.stdout).trim() || undefined : undefined;
}
