import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";
import type { LlamaGpuType } from "node-llama-cpp";
import { LlorchError } from "#shared/errors.ts";

/** What `getLlama` is asked for: never "whatever there is". */
export type GpuChoice = false | { readonly type: "auto"; readonly exclude: LlamaGpuType[] };

/**
 * Which backend to load. Only a build without GPU backends computes on the CPU unasked: a GPU
 * build without a GPU must fail, or a model would crawl where it was to run.
 *
 * @param asked The `--gpu` flag.
 * @param built GPU backends that this build carries.
 * @throws {LlorchError} when a GPU is asked for that this build cannot use.
 */
export function chooseGpu(asked: string | undefined, built: readonly string[]): GpuChoice {
  if (asked === "none") return false;
  if (built.length > 0) return { type: "auto", exclude: [false] };
  if (asked === undefined) return false;
  throw new LlorchError(
    "WORKER_START_FAILED",
    `Cannot use GPU ${asked}: this build of llorch-candled has the CPU backend only; ` +
      "build one with `llorch build worker <backend>`, or give --gpu none",
  );
}

/** Makes one GPU the only one that the backend sees. Must run before the backend is loaded. */
export function showOnlyGpu(number: string): void {
  for (
    const name of [
      "CUDA_VISIBLE_DEVICES",
      "HIP_VISIBLE_DEVICES",
      "GGML_VK_VISIBLE_DEVICES",
    ]
  ) {
    Deno.env.set(name, number);
  }
}

/** Hides every GPU from a build for CUDA that is to compute on the CPU. Before it is loaded. */
export function showNoGpu(): void {
  Deno.env.set("CUDA_VISIBLE_DEVICES", "-1");
}

/** The GPU backends whose binaries are installed. */
export function builtGpuBackends(): string[] {
  return ["cuda", "vulkan", "metal"].filter((gpu) => binaries(gpu) !== undefined);
}

/**
 * The folder with binaries that compute on the CPU: the CPU build's, else those for CUDA, which
 * can do without a GPU. Undefined where neither is installed.
 */
export function cpuBinaries(): string | undefined {
  return binaries() ?? binaries("cuda");
}

/** A package left out is there as an empty one. */
function binaries(gpu?: string): string | undefined {
  const require = createRequire(import.meta.resolve("node-llama-cpp"));
  const platform = { darwin: "mac", windows: "win" }[Deno.build.os as string] ?? "linux";
  const name = [platform, process.arch, ...gpu === undefined ? [] : [gpu]].join("-");
  try {
    const entry = require.resolve(`@node-llama-cpp/${name}`);
    const folder = join(dirname(dirname(entry)), "bins", name);
    return existsSync(folder) ? folder : undefined;
  } catch {
    return undefined;
  }
}
