import { runProgram } from "#shared/run_program.ts";

/** Memory of one process in bytes, as the kernel reports it. */
interface Resident {
  /** Its own pages, and pages of mapped files. */
  readonly own: number;
  /** Pages that it shares with others. */
  readonly shared: number;
}

/**
 * The processes of a group, and their memory in bytes. Shared memory, through which servers of
 * several processes pass tensors, counts once: the largest figure of any process.
 */
export async function groupMemory(
  group: number,
): Promise<{ readonly pids: readonly number[]; readonly bytes: number }> {
  const processes = Deno.build.os === "linux" ? await fromProc(group) : await fromPs(group);
  const own = processes.reduce((total, { memory }) => total + memory.own, 0);
  const shared = Math.max(0, ...processes.map(({ memory }) => memory.shared));
  return { pids: processes.map(({ pid }) => pid), bytes: own + shared };
}

interface Process {
  readonly pid: number;
  readonly memory: Resident;
}

async function fromProc(group: number): Promise<Process[]> {
  const found: Process[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = await Deno.readTextFile(`/proc/${name}/stat`);
      // After the name, which may contain anything: state, parent, group.
      const [, , pgrp] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (Number(pgrp) !== group) continue;
      const status = await Deno.readTextFile(`/proc/${name}/status`);
      found.push({ pid: Number(name), memory: readStatus(status) });
    } catch {
      // The process has ended, or we may not read its files.
    }
  }
  return found;
}

/** Reads `/proc/PID/status`. */
export function readStatus(text: string): Resident {
  const kib = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? 0);
  return {
    own: (kib("RssAnon") + kib("RssFile")) * 1024,
    shared: kib("RssShmem") * 1024,
  };
}

async function fromPs(group: number): Promise<Process[]> {
  const { stdout } = await runProgram({ command: "ps", args: ["-axo", "pid=,pgid=,rss="] });
  return readPs(stdout, group);
}

/** Reads the processes of a group from the output of `ps -axo pid=,pgid=,rss=`. */
export function readPs(text: string, group: number): Process[] {
  return text.split("\n").map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, pgid]) => pgid === group)
    .map(([pid = 0, , rss = 0]) => ({ pid, memory: { own: rss * 1024, shared: 0 } }));
}
