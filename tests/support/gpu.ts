/**
 * Finds a built worker that can use a GPU of this machine. A worker that runs from source uses the
 * CPU.
 *
 * @module
 */
import { join } from "node:path";

/** A worker that was built for GPUs. */
export interface GpuBuild {
  readonly backend: "cuda" | "vulkan" | "metal";
  readonly path: string;
}

/** Dependencies of the search for GPU builds. */
export interface GpuSearch {
  /** Folder of built executables: `LLORCH_BIN_DIR`. */
  readonly binDir: string | undefined;
  readonly exists: (path: string) => boolean;
}

const BACKENDS = ["cuda", "metal", "vulkan"] as const;
/** Paths that exist if a backend has devices; `%` is the number of the device. */
const DEVICES: Readonly<Record<GpuBuild["backend"], readonly string[]>> = {
  cuda: ["/dev/nvidia%", "/dev/dxg"],
  vulkan: ["/dev/dri/renderD128", "/dev/dxg"],
  metal: ["/System/Library/Frameworks/Metal.framework"],
};
const MAKE_ONE = "make one with `llorch build worker cuda --out DIR` and set LLORCH_BIN_DIR=DIR";

/** All GPU builds in the folder of executables. */
export function gpuBuilds({ binDir, exists }: GpuSearch = machine()): GpuBuild[] {
  if (binDir === undefined) return [];
  return BACKENDS.map((backend) => ({ backend, path: join(binDir, `llorch-candled-${backend}`) }))
    .filter(({ path }) => exists(path));
}

/** Whether this machine has a device for a backend. */
export function hasDevice(backend: GpuBuild["backend"], gpu: string, search = machine()): boolean {
  return DEVICES[backend].some((path) => search.exists(path.replace("%", gpu)));
}

/**
 * Finds a worker for a GPU of this machine.
 *
 * @param gpu Number of the GPU.
 * @returns the build, or why there is none: what is missing and what to do
 */
export function findGpu(gpu: string, search = machine()): GpuBuild | string {
  const builds = gpuBuilds(search);
  if (builds.length === 0) {
    return `no GPU build in ${search.binDir ?? "LLORCH_BIN_DIR"}: ${MAKE_ONE}`;
  }
  const found = builds.find(({ backend }) => hasDevice(backend, gpu, search));
  if (found) return found;
  const places = builds.flatMap(({ backend }) => DEVICES[backend]).map((path) =>
    path.replace("%", gpu)
  );
  return `no GPU ${gpu}: there is no ${[...new Set(places)].join(" or ")}; install its driver`;
}

function machine(): GpuSearch {
  return {
    binDir: Deno.env.get("LLORCH_BIN_DIR") || undefined,
    exists(path) {
      try {
        Deno.statSync(path);
        return true;
      } catch {
        return false;
      }
    },
  };
}
