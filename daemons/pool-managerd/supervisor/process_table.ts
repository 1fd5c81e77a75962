/** What the machine knows of its processes. */
export interface ProcessTable {
  /**
   * When a living process was started, in words that only its own system understands; undefined
   * when there is no such process. The same pid with another start time is another process.
   */
  startTime(pid: number): string | undefined;
  /** How many processes the kernel has killed for memory since it booted; 0 where it does not say. */
  memoryKills(): number;
}

/** The process table of this machine. */
export function systemProcessTable(): ProcessTable {
  return Deno.build.os === "linux" ? procTable() : { startTime: psStartTime, memoryKills: () => 0 };
}

function procTable(): ProcessTable {
  return {
    startTime: (pid) => startTimeOfStat(readText(`/proc/${pid}/stat`)),
    memoryKills: () => Number(/^oom_kill (\d+)$/m.exec(readText("/proc/vmstat"))?.[1] ?? 0),
  };
}

/**
 * Field 22 of `/proc/<pid>/stat`; undefined for a process that is gone or only waits to be reaped.
 * The second field is the program's name in brackets and may itself hold brackets and blanks.
 */
export function startTimeOfStat(stat: string): string | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const isDead = fields[0] === "Z" || fields[0] === "X";
  return isDead ? undefined : fields[19];
}

function psStartTime(pid: number): string | undefined {
  const ps = new Deno.Command("ps", {
    args: ["-o", "lstart=", "-p", String(pid)],
    env: { LC_ALL: "C" },
    stderr: "null",
  }).outputSync();
  return ps.success ? new TextDecoder().decode(ps.stdout).trim() || undefined : undefined;
}

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
