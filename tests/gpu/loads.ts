/**
 * The loads whose memory the GPU check measures, and how figures are compared: decisions without effects.
 *
 * @module
 */
import type { Finding } from "./finding.ts";
import { mib } from "./finding.ts";

/** One load, with the settings of the pool manager's `worker.llama`. */
export interface TestLoad {
  readonly name: string;
  readonly model: "random" | "moe";
  readonly context: number;
  readonly slots: number;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
}

const PLAIN = { model: "random", context: 4096, slots: 8, settings: {} } as const;

const q8 = { cache_type_k: "q8_0", cache_type_v: "q8_0", flash_attention: "on" };
const q4 = { cache_type_k: "q4_0", cache_type_v: "q4_0", flash_attention: "on" };

/** Loads in the order of their worth. The CPU has no layers elsewhere. */
export function testLoads(onCpu: boolean): TestLoad[] {
  const anywhere: TestLoad[] = [
    { ...PLAIN, name: "8 × 4096 tokens" },
    { ...PLAIN, name: "1 × 512 tokens", context: 512, slots: 1 },
    { ...PLAIN, name: "8 × 4096 tokens, q8_0", settings: q8 },
  ];
  if (onCpu) return [...anywhere, { ...PLAIN, name: "experts", model: "moe", slots: 2 }];
  return [
    ...anywhere,
    { ...PLAIN, name: "10 layers on the card", settings: { gpu_layers: 10 } },
    { ...PLAIN, name: "experts on the card", model: "moe" },
    { ...PLAIN, name: "experts in main memory", model: "moe", settings: { cpu_moe: true } },
    { ...PLAIN, name: "32 × 4096 tokens", slots: 32 },
    { ...PLAIN, name: "8 × 4096 tokens, q4_0", settings: q4 },
  ];
}

/** Flags of a worker for settings. */
export function flagsOf(settings: TestLoad["settings"]): string[] {
  return Object.entries(settings).flatMap(([key, value]) => {
    const flag = `--${key.replaceAll("_", "-")}`;
    return value === true ? [flag] : [flag, String(value)];
  });
}

/** Settings as lines of TOML. */
export function tomlOf(settings: TestLoad["settings"]): string {
  return Object.entries(settings).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
    .join("");
}

/** Memory of one load, in bytes. */
export interface LoadFigures {
  /** What the pool manager claims before the load. */
  readonly claim: number;
  /** What `llorch-candled --estimate` says. */
  readonly estimate: number;
  /** What the device says that is used once the worker has answered. */
  readonly used: number;
}

/** Largest error, as a share of the memory that is used … */
const SHARE = 0.1;
/** … and this more, in bytes. The driver's own memory for a process differs by hundreds of MiB between cards. */
const SLACK = { card: 512 * 2 ** 20, cpu: 64 * 2 ** 20 } as const;

/**
 * Compares the figures of a load: a claim that is too small ends loads beside it, one that is too large
 * wastes the device.
 */
export function compareLoad(name: string, figures: LoadFigures, onCpu: boolean): Finding {
  const { claim, estimate, used } = figures;
  const most = SHARE * used + (onCpu ? SLACK.cpu : SLACK.card);
  const isNear = (bytes: number) => Math.abs(bytes - used) <= most;
  return {
    name,
    value: `claim ${mib(claim)}, --estimate ${mib(estimate)}, used ${mib(used)}`,
    isOk: isNear(claim) && isNear(estimate),
    figures: { ...figures },
  };
}
