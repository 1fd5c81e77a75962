import type { Device } from "#shared/contracts/pool.ts";
import type { DeviceSource } from "./device_source.ts";
import { type RunTool, runTool, toolOutput } from "./run_tool.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
/** Metal uses two thirds of up to this much memory, and three quarters of more. */
const SMALL_BYTES = 32 * GIB;

/** The GPU of Apple silicon, which shares the machine's memory. */
export function appleSource(
  run: RunTool = runTool,
  isApple = Deno.build.os === "darwin" && Deno.build.arch === "aarch64",
): DeviceSource {
  return {
    kind: "metal",
    name: "Apple GPU",
    async query() {
      if (!isApple) return [];
      // It fails if this system lacks a name, but prints the others.
      const names = ["hw.memsize", "machdep.cpu.brand_string", "iogpu.wired_limit_mb"];
      const [settings, pages] = await Promise.all([
        run("sysctl", names),
        toolOutput(run, "vm_stat", []),
      ]);
      return [parseApple(settings?.output ?? "", pages ?? "")];
    },
  };
}

/**
 * Reads the output of `sysctl` and `vm_stat`. The total is what Metal may use; free is the part of
 * it that the machine could make available: free, purgeable and cached file pages.
 *
 * @throws if a figure is missing
 */
export function parseApple(settings: string, pages: string): Device {
  const setting = (name: string) =>
    new RegExp(`^${name.replaceAll(".", "\\.")}: (.+)$`, "m").exec(settings)?.[1];
  const memory = whole(setting("hw.memsize"), "hw.memsize");
  const pageBytes = whole(/page size of (\d+) bytes/.exec(pages)?.[1], "the size of a page");
  const count = (name: string) =>
    whole(new RegExp(`^${name}:\\s+(\\d+)\\.?\\s*$`, "m").exec(pages)?.[1], name);
  const available = count("Pages free") + count("Pages purgeable") + count("File-backed pages");
  // 0 or no value means that the system chooses.
  const wired = Number(setting("iogpu.wired_limit_mb") ?? 0) * MIB;
  const share = memory <= SMALL_BYTES ? 2 / 3 : 3 / 4;
  const total_bytes = wired > 0 ? Math.min(wired, memory) : Math.floor(memory * share);
  return {
    id: "metal0",
    kind: "metal",
    name: setting("machdep.cpu.brand_string") ?? "Apple GPU",
    total_bytes,
    free_bytes: Math.min(total_bytes, available * pageBytes),
  };
}

function whole(text: string | undefined, what: string): number {
  if (text !== undefined && /^\d{1,15}$/.test(text)) return Number(text);
  throw new Error(`Cannot read ${what} in the output of sysctl and vm_stat`);
}
