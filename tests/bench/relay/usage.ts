/** Resources that a process uses. */
export interface Usage {
  /** CPU time so far, in ms. */
  readonly cpuMs: number;
  /** Memory that it holds now, in bytes. */
  readonly rssBytes: number;
}

const TICKS_PER_SECOND = 100;

/** Reads the usage of a process from `/proc`. */
export function usageOf(pid: number): Usage {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // After the name, which may have spaces: utime and stime are the 12th and 13th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  const rss = /^VmRSS:\s+(\d+) kB/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1];
  return { cpuMs: ticks * 1000 / TICKS_PER_SECOND, rssBytes: Number(rss) * 1024 };
}
