import type { Device } from "#shared/contracts/pool.ts";
import { type DeviceSource, unavailable } from "./device_source.ts";
import { type RunTool, runTool, toolOutput } from "./run_tool.ts";

const MIB = 1024 * 1024;
const FORMAT = "--format=csv,noheader,nounits";
const DEVICES = ["--query-gpu=index,name,memory.total,memory.free", FORMAT];
const PROCESSES = ["--query-compute-apps=pid,used_gpu_memory", FORMAT];
/** Output of `nvidia-smi` if there is a driver but no GPU. */
const NO_DEVICES = /^No devices were found/;

/** The GPUs that `nvidia-smi` lists. */
export function nvidiaSource(run: RunTool = runTool): DeviceSource {
  return {
    kind: "cuda",
    name: "NVIDIA GPU",
    async query() {
      const result = await run("nvidia-smi", DEVICES);
      if (result === undefined || NO_DEVICES.test(result.output)) return [];
      const output = await toolOutput(() => Promise.resolve(result), "nvidia-smi", DEVICES);
      return parseDevices(output!);
    },
    async held({ id }) {
      const args = [`--id=${id.replace(/^\D+/, "")}`, ...PROCESSES];
      const output = await toolOutput(run, "nvidia-smi", args);
      return output === undefined ? undefined : parseProcesses(output);
    },
  };
}

/**
 * Reads one GPU per line, with sizes in MiB. A GPU without figures, such as one that has fallen off
 * the bus, is unavailable.
 *
 * @throws {RangeError} that names the first line of another form
 */
export function parseDevices(text: string): Device[] {
  return lines(text).map((line) => {
    const [, index, name, total = "", free = ""] = /^(\d+),\s*(.+),\s*([^,]+),\s*([^,]+)$/
      .exec(line) ?? [];
    if (name === undefined) {
      throw new RangeError(`Cannot read the line of nvidia-smi: "${line.slice(0, 200)}"`);
    }
    const device = { id: `cuda${index}`, kind: "cuda" as const, name };
    if (!isWhole(total) || !isWhole(free) || Number(free) > Number(total)) {
      return unavailable(device, `nvidia-smi says "${total}" and "${free}" of its memory`);
    }
    return { ...device, total_bytes: Number(total) * MIB, free_bytes: Number(free) * MIB };
  });
}

/** Reads one process per line; those without a memory figure are left out. */
export function parseProcesses(text: string): Map<number, number> {
  const held = new Map<number, number>();
  for (const line of lines(text)) {
    const [pid = "", used = ""] = line.split(",").map((part) => part.trim());
    if (isWhole(pid) && isWhole(used)) held.set(Number(pid), Number(used) * MIB);
  }
  return held;
}

function lines(text: string): string[] {
  return text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
}

function isWhole(text: string): boolean {
  return /^\d{1,15}$/.test(text);
}
