/** A process, with its start time to detect that its pid was reused. */
export interface ProcessId {
  readonly pid: number;
  /** Start time in ticks since boot. */
  readonly began: string;
}

/**
 * All descendants of a process. Only on Linux; elsewhere the list is empty, and a terminal's Ctrl-C
 * reaches them by itself.
 */
export function descendants(pid: number): ProcessId[] {
  const children = new Map<number, ProcessId[]>();
  for (const each of allProcesses()) {
    const siblings = children.get(each.parent) ?? [];
    siblings.push({ pid: each.pid, began: each.began });
    children.set(each.parent, siblings);
  }
  const below = (parent: number): ProcessId[] =>
    (children.get(parent) ?? []).flatMap((child) => [child, ...below(child.pid)]);
  return below(pid);
}

/** Asks the processes that still exist to end; stopped ones are continued for that. */
export function terminate(processes: readonly ProcessId[]): void {
  for (const { pid, began } of processes) {
    if (statOf(pid)?.began !== began) continue;
    for (const signal of ["SIGTERM", "SIGCONT"] as const) {
      try {
        Deno.kill(pid, signal);
      } catch {
        // It has just ended.
      }
    }
  }
}

function* allProcesses(): Generator<ProcessId & { readonly parent: number }> {
  if (Deno.build.os !== "linux") return;
  for (const { name } of Deno.readDirSync("/proc")) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (stat) yield { pid: Number(name), ...stat };
  }
}

function statOf(pid: number): { parent: number; began: string } | undefined {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    // The name in brackets may contain anything; after it, the parent is field 2 and the start
    // field 20.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { parent: Number(fields[1]), began: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}
