import os from "node:os";

/** Physical cores; with more threads than these, llama.cpp only gets slower. */
export function physicalCores(): number {
  const logical = os.availableParallelism();
  const cores = Deno.build.os === "linux" ? linuxCores() : undefined;
  return Math.min(logical, cores ?? logical);
}

/**
 * Limits a number of threads to the machine's cores: with more, they wait for each other, and
 * llama.cpp gets hundreds of times slower.
 */
export function usableThreads(asked: number | "auto"): number | "auto" {
  return asked === "auto" ? asked : Math.min(asked, os.availableParallelism());
}

function linuxCores(): number | undefined {
  try {
    const text = Deno.readTextFileSync("/proc/cpuinfo");
    const pairs = text.split("\n\n").map((cpu) =>
      /^physical id\s*:\s*(\d+)$/m.exec(cpu)?.[1] + ":" + /^core id\s*:\s*(\d+)$/m.exec(cpu)?.[1]
    ).filter((pair) => !pair.includes("undefined"));
    return pairs.length === 0 ? undefined : new Set(pairs).size;
  } catch {
    return undefined;
  }
}
