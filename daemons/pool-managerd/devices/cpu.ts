import type { Device } from "#shared/contracts/pool.ts";
import { readSystemFile } from "../system_files.ts";

const KIB = 1024;

/** Reads a file of the system; undefined if there is none. */
export type ReadText = (path: string) => Promise<string | undefined>;

/** Memory of this machine in bytes, on systems without `/proc/meminfo`. */
export type SystemMemory = () => { readonly total: number; readonly available: number };

/**
 * The machine's main memory as a device: what is available, or what our control group still allows,
 * if that is less.
 */
export async function cpuDevice(
  read: ReadText = readSystemFile,
  system: SystemMemory = Deno.systemMemoryInfo,
): Promise<Device> {
  const machine = meminfo(await read("/proc/meminfo")) ?? system();
  const group = await groupMemory(read);
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

/** Limit of a control group, and how much of it is left, in bytes. */
interface GroupMemory {
  readonly limit: number;
  readonly free: number;
}

/** The lowest limit of our group and those above it; cached file pages count as free. */
async function groupMemory(read: ReadText): Promise<GroupMemory | undefined> {
  const groups = await read("/proc/self/cgroup") ?? "";
  const folders = GENERATIONS.flatMap((generation) =>
    ancestors(generation.own.exec(groups)?.[1]).map((path) => ({ ...generation, path }))
  );
  const all = await Promise.all(folders.map(async ({ root, path, limit, usage }) => {
    const bytes = Number.parseInt(await read(`${root}${path}/${limit}`) ?? "", 10);
    // Most have none, and this is done every second.
    if (!Number.isFinite(bytes)) return { limit: bytes, free: bytes };
    const files = [usage, "memory.stat"].map((name) => read(`${root}${path}/${name}`));
    const [current, stat] = await Promise.all(files);
    const cached = /^(?:total_)?inactive_file (\d+)$/m.exec(stat ?? "")?.[1] ?? 0;
    return { limit: bytes, free: bytes - Number.parseInt(current ?? "", 10) + Number(cached) };
  }));
  const found = all.filter(({ free }) => Number.isFinite(free));
  if (found.length === 0) return undefined;
  return {
    limit: Math.min(...found.map((group) => group.limit)),
    free: Math.min(...found.map((group) => group.free)),
  };
}

/**
 * A group's path and those above it: `/a/b`, `/a` and the root; in a container often only the root.
 */
function ancestors(path: string | undefined): string[] {
  if (path === undefined) return [];
  const parts = path.split("/").filter((part) => part !== "");
  return [...parts.keys()].map((index) => "/" + parts.slice(0, parts.length - index).join("/"))
    .concat("");
}
