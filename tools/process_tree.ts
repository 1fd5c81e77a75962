/** A process as the kernel tells it from a later one of the same number. */
export interface ProcessId {
  readonly pid: number;
  /** When it began, in ticks since the machine did. */
  readonly began: string;
}

/**
 * Every process below one, children of children included. Linux only: elsewhere there are none, and
 * a terminal's Ctrl-C reaches them by itself.
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

/** Asks those that are still there to end; one that stands still is woken for it. */
export function terminate(processes: readonly ProcessId[]): void {
  for (const { pid, began } of processes) {
    if (statOf(pid)?.began !== began) continue;
    for (const signal of ["SIGTERM", "SIGCONT"] as const) {
      try {
        Deno.kill(pid, signal);
      } catch {
        // It has ended in this moment.
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
    // The name in brackets may hold anything; the parent is the 2nd field after it, the start the 20th.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { parent: Number(fields[1]), began: fields[19] ?? "" };
  } catch {
    return undefined;
  }
}
