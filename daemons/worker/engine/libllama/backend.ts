import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { BUILD_INFO } from "#shared/build_info.ts";
import { LlorchError } from "#shared/errors.ts";

/**
 * Whether a model is loaded on a GPU. Only a build without GPU backends uses the CPU by default: a GPU
 * build without a GPU must fail, since a model on the CPU would be far too slow.
 *
 * @param asked The `--gpu` flag.
 * @param built GPU backends of this build.
 * @throws {LlorchError} `WORKER_START_FAILED` if this build cannot use the requested GPU
 */
export function usesGpu(asked: string | undefined, built: readonly string[]): boolean {
  if (asked === "none") return false;
  if (built.length > 0) return true;
  if (asked === undefined) return false;
  throw new LlorchError(
    "WORKER_START_FAILED",
    `Cannot use GPU ${asked}: this build of llorch-candled has only the CPU backend; ` +
      "build one with `llorch build worker <backend>`, or give --gpu none",
  );
}

/**
 * Hides all GPUs but some from the backend, numbered as their makers' tools do. Must be called before
 * the backend is loaded.
 *
 * @param numbers The `--gpu` flag: `0`, or `0,1`.
 */
export function showOnlyGpus(numbers: string): void {
  Deno.env.set("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
  for (
    const name of [
      "CUDA_VISIBLE_DEVICES",
      "HIP_VISIBLE_DEVICES",
      "GGML_VK_VISIBLE_DEVICES",
    ]
  ) {
    Deno.env.set(name, numbers);
  }
}

/** Hides all GPUs from a CUDA build that uses the CPU. Must be called before it is loaded. */
export function showNoGpu(): void {
  Deno.env.set("CUDA_VISIBLE_DEVICES", "-1");
}

/** The GPU backends whose binaries are installed. */
export function builtGpuBackends(): string[] {
  return ["cuda", "vulkan", "metal"].filter((gpu) => binaries(gpu) !== undefined);
}

/**
 * Folder of binaries that can use the CPU: those of the CPU build, otherwise those for CUDA, which
 * work without a GPU. Undefined if neither is installed.
 */
export function cpuBinaries(): string | undefined {
  return binaries() ?? binaries("cuda");
}

/** Folder of the binaries of the GPU backend; undefined if none is installed. */
export function gpuBinaries(): string | undefined {
  const [backend] = builtGpuBackends();
  return backend === undefined ? undefined : binaries(backend);
}

/** Folder of a backend's libraries; undefined if there are none. */
function binaries(gpu?: string): string | undefined {
  const platform = { darwin: "mac", windows: "win" }[Deno.build.os as string] ?? "linux";
  const name = [platform, process.arch, ...gpu === undefined ? [] : [gpu]].join("-");
  const folder = BUILD_INFO
    ? fileURLToPath(new URL(`./llama/${name}`, import.meta.url))
    : packaged(name);
  return folder !== undefined && existsSync(folder) ? folder : undefined;
}

/** Folder in the npm package of a platform; undefined if it is not installed. */
function packaged(name: string): string | undefined {
  const require = createRequire(import.meta.resolve("node-llama-cpp"));
  try {
    const entry = require.resolve(`@node-llama-cpp/${name}`);
    return join(dirname(dirname(entry)), "bins", name);
  } catch {
    return undefined;
  }
}
