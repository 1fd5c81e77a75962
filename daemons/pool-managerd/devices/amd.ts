import { z } from "zod";
import type { Device } from "#shared/contracts/pool.ts";
import { readSystemFile } from "../system_files.ts";
import type { ReadText } from "./cpu.ts";
import { type DeviceSource, unavailable } from "./device_source.ts";
import { type RunTool, runTool, toolOutput } from "./run_tool.ts";

const MIB = 1024 * 1024;
const DRM = "/sys/class/drm";
const VENDOR = "0x1002";
/**
 * An integrated GPU with less memory of its own is not a device: it computes in the machine's
 * memory, which counts for the CPU's device already.
 */
const MIN_BYTES = 1024 * MIB;
/** Card numbers that are tried: they have gaps, and include cards of other makers. */
const MAX_CARDS = 64;

/**
 * The GPUs of the amdgpu driver. It reads the driver's files; if there are none, as in some
 * containers, it runs `amd-smi`, or `rocm-smi`.
 */
export function amdSource(
  run: RunTool = runTool,
  read: ReadText = readSystemFile,
  isLinux = Deno.build.os === "linux",
): DeviceSource {
  return {
    kind: "rocm",
    name: "AMD GPU",
    async query() {
      if (!isLinux) return [];
      const cards = await driverCards(read);
      if (cards.length > 0) return cards.filter(isDevice);
      const amdSmi = await toolOutput(run, "amd-smi", ["metric", "--mem-usage", "--json"]);
      if (amdSmi !== undefined) return parseAmdSmi(amdSmi).filter(isDevice);
      const args = ["--showproductname", "--showmeminfo", "vram", "--json"];
      const rocmSmi = await toolOutput(run, "rocm-smi", args);
      return rocmSmi === undefined ? [] : parseRocmSmi(rocmSmi).filter(isDevice);
    },
  };
}

function isDevice({ total_bytes, unavailable }: Device): boolean {
  return unavailable !== undefined || total_bytes >= MIN_BYTES;
}

async function driverCards(read: ReadText): Promise<Device[]> {
  const numbers = Array.from({ length: MAX_CARDS }, (_, number) => number);
  const found = await Promise.all(numbers.map(async (number) => {
    const folder = `${DRM}/card${number}/device`;
    if ((await read(`${folder}/vendor`))?.trim() !== VENDOR) return [];
    const [name, total, used] = await Promise.all(
      ["product_name", "mem_info_vram_total", "mem_info_vram_used"]
        .map(async (file) => (await read(`${folder}/${file}`))?.trim()),
    );
    return [{ name: name || undefined, total, used }];
  }));
  return found.flat().map(({ name, total, used }, index) => device(index, name, total, used));
}

const figure = z.object({ value: z.union([z.number(), z.string()]) });
const amdSmiGpu = z.object({
  gpu: z.number().int().min(0),
  mem_usage: z.object({ total_vram: figure, used_vram: figure }).partial().or(z.string())
    .optional(),
});
/** Newer versions put the list in an object. */
const amdSmiReply = z.union([
  z.array(amdSmiGpu),
  z.object({ gpu_data: z.array(amdSmiGpu) }).transform((reply) => reply.gpu_data),
]);

/**
 * Reads `amd-smi metric --mem-usage --json`, whose "MB" are MiB.
 *
 * @throws if the text has another form
 */
export function parseAmdSmi(text: string): Device[] {
  return parseAs("amd-smi", amdSmiReply, text).map(({ gpu, mem_usage }) => {
    const { total_vram, used_vram } = typeof mem_usage === "object" ? mem_usage : {};
    const bytes = (found: z.output<typeof figure> | undefined) => {
      const text = String(found?.value ?? "nothing");
      return isWhole(text) ? String(Number(text) * MIB) : text;
    };
    return device(gpu, undefined, bytes(total_vram), bytes(used_vram));
  });
}

const rocmSmiReply = z.record(z.string(), z.record(z.string(), z.unknown()));

/**
 * Reads `rocm-smi --showproductname --showmeminfo vram --json`.
 *
 * @throws if the text has another form
 */
export function parseRocmSmi(text: string): Device[] {
  const cards = Object.entries(parseAs("rocm-smi", rocmSmiReply, text)).flatMap(([key, card]) => {
    const index = /^card(\d+)$/.exec(key)?.[1];
    return index === undefined ? [] : [{ index: Number(index), card }];
  });
  return cards.toSorted((a, b) => a.index - b.index).map(({ index, card }) => {
    const text = (key: string) => typeof card[key] === "string" ? card[key] : undefined;
    const name = text("Card Series") ?? text("Card series");
    return device(index, name, text("VRAM Total Memory (B)"), text("VRAM Total Used Memory (B)"));
  });
}

function device(index: number, name = "AMD GPU", total = "nothing", used = "nothing"): Device {
  const known = { id: `rocm${index}`, kind: "rocm" as const, name };
  if (!isWhole(total) || !isWhole(used)) {
    return unavailable(known, `Its driver says "${total}" and "${used}" of its memory`);
  }
  const total_bytes = Number(total);
  return { ...known, total_bytes, free_bytes: Math.max(0, total_bytes - Number(used)) };
}

/** Parses a tool's JSON, before which some print warnings. */
function parseAs<T extends z.ZodType>(tool: string, schema: T, text: string): z.output<T> {
  let json: unknown;
  try {
    json = JSON.parse(text.slice(Math.max(0, text.search(/[[{]/))));
  } catch {
    throw new Error(`Cannot read the output of ${tool}: "${text.slice(0, 200)}"`);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new Error(
    `Cannot read the output of ${tool}: ${z.prettifyError(parsed.error).slice(0, 200)}`,
  );
}

function isWhole(text: string): boolean {
  return /^\d{1,18}$/.test(text);
}
