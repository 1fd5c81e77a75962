import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { BUILD_INFO } from "#shared/build_info.ts";

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

/**
 * Folder of libmtmd for the libraries of a folder; undefined if there is none. A checkout has it once
 * `deno task media` has built it.
 *
 * @param carried Folder of libraries as this program carries it, named after their platform.
 */
export function mediaLibrary(carried: string): string | undefined {
  const above = BUILD_INFO ? "./" : "../../../../../dist/";
  const folder = fileURLToPath(new URL(`${above}media/${basename(carried)}`, import.meta.url));
  return existsSync(folder) ? folder : undefined;
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
