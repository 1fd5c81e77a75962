import { systemProcessTable } from "../supervisor/process_table.ts";
import { readSystemFileSync } from "../system_files.ts";

/** Whether a process runs (a zombie does not). */
export function isAlive(pid: number): boolean {
  return systemProcessTable().startTime(pid) !== undefined;
}

/** Ends a process that a test has started, if its pool has not. */
export function killIfAlive(pid: number): void {
  if (isAlive(pid)) Deno.kill(pid, "SIGKILL");
}

/** A variable of a living process's environment. */
export function envOf(pid: number, name: string): string | undefined {
  const pairs = (readSystemFileSync(`/proc/${pid}/environ`) ?? "").split("\0");
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** A living process's command line. */
export function argvOf(pid: number): string {
  return (readSystemFileSync(`/proc/${pid}/cmdline`) ?? "").replaceAll("\0", " ");
}
