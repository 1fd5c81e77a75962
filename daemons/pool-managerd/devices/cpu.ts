import type { Device } from "#shared/contracts/pool.ts";

const KIB = 1024;

/** Reads a file of the system; undefined where there is none. */
export type ReadText = (path: string) => string | undefined;

/** Memory of this machine as the system tells it where there is no `/proc/meminfo`. */
export type SystemMemory = () => { readonly total: number; readonly available: number };

/**
 * The machine's own memory as a device: what is available, or what the control group that we run
 * in still allows, if that is less.
 */
export function cpuDevice(
  read: ReadText = readText,
  system: SystemMemory = Deno.systemMemoryInfo,
): Device {
  const machine = meminfo(read("/proc/meminfo")) ?? system();
  const group = groupMemory(read);
  return {
    id: "cpu",
    kind: "cpu",
    name: "CPU",
    total_bytes: Math.min(machine.total, group?.limit ?? Infinity),
    free_bytes: Math.max(0, Math.min(machine.available, group?.free ?? Infinity)),
  };
}

function meminfo(text: string | undefined): ReturnType<SystemMemory> | undefined {
  const field = (name: string) => {
    const value = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text ?? "")?.[1];
    return value === undefined ? undefined : Number(value) * KIB;
  };
  const total = field("MemTotal");
  const available = field("MemAvailable");
  return total === undefined || available === undefined ? undefined : { total, available };
}

/** File names of one generation of control groups. */
const GENERATIONS = [
  { own: /^0::(.*)$/m, root: "/sys/fs/cgroup", limit: "memory.max", usage: "memory.current" },
  {
    own: /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m,
    root: "/sys/fs/cgroup/memory",
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
  },
];

/** The tightest limit on the way from our group to the root; cached file pages count as free. */
function groupMemory(read: ReadText): { limit: number; free: number } | undefined {
  const groups = read("/proc/self/cgroup") ?? "";
  const found = GENERATIONS.flatMap(({ own, root, limit, usage }) =>
    ancestors(own.exec(groups)?.[1]).map((path) => {
      const number = (name: string) => Number.parseInt(read(`${root}${path}/${name}`) ?? "", 10);
      const max = number(limit);
      const stat = read(`${root}${path}/memory.stat`) ?? "";
      const cached = Number(/^(?:total_)?inactive_file (\d+)$/m.exec(stat)?.[1] ?? 0);
      return { limit: max, free: max - number(usage) + cached };
    })
  ).filter(({ free }) => Number.isFinite(free));
  if (found.length === 0) return undefined;
  return {
    limit: Math.min(...found.map((group) => group.limit)),
    free: Math.min(...found.map((group) => group.free)),
  };
}

/** A group's path and those above it: `/a/b`, `/a` and the root; inside a container often the root alone. */
function ancestors(path: string | undefined): string[] {
  if (path === undefined) return [];
  const parts = path.split("/").filter((part) => part !== "");
  return [...parts.keys()].map((index) => "/" + parts.slice(0, parts.length - index).join("/"))
    .concat("");
}

function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}
