import { readdirSync } from "node:fs";
import { delimiter, join } from "node:path";

/** A library that a backend loads; its file may have a version after the name. */
interface Library {
  readonly what: string;
  readonly file: string;
}

/** System libraries of each backend. */
const NEEDS: Readonly<Record<string, readonly Library[]>> = {
  cuda: [
    { what: "NVIDIA's driver", file: "libcuda.so" },
    { what: "CUDA's runtime", file: "libcudart.so" },
    { what: "CUDA's cuBLAS", file: "libcublas.so" },
    { what: "CUDA's cuBLAS", file: "libcublasLt.so" },
  ],
  vulkan: [{ what: "Vulkan's loader", file: "libvulkan.so" }],
};
const TITLES: Readonly<Record<string, string>> = { cuda: "CUDA", vulkan: "Vulkan", metal: "Metal" };
/** Commands that show whether a driver has a device. */
const CHECKS: Readonly<Record<string, string>> = {
  cuda: " (see nvidia-smi)",
  vulkan: " (see vulkaninfo --summary)",
};

/** Facts about a build that cannot use its GPU. */
export interface DriverTrouble {
  /** The build's backend: `cuda`, `vulkan`, `metal`. */
  readonly backend: string;
  /** The `--gpu` flag. */
  readonly asked: string | undefined;
  /** File names in the folders of the system's libraries. */
  readonly libraries: readonly string[];
}

/**
 * One sentence that says why a build cannot use the requested device, and what to do.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * assert.match(
 *   driverSentence({ backend: "cuda", asked: "0", libraries: [] }),
 *   /^Cannot use GPU 0: .* CUDA, and NVIDIA's driver \(libcuda\.so\) is not installed/,
 * );
 * ```
 */
export function driverSentence({ backend, asked, libraries }: DriverTrouble): string {
  const build = `this build of llorch-candled computes with ${TITLES[backend] ?? backend}`;
  const instead = "use a build for the CPU (`llorch build worker cpu`)";
  if (asked === "none") {
    return `Cannot use the CPU: ${build} and nothing else; leave --gpu out, or ${instead}`;
  }
  const missing = NEEDS[backend]?.find(({ file }) =>
    !libraries.some((name) => name === file || name.startsWith(`${file}.`))
  );
  return `Cannot use ${asked === undefined ? "a GPU" : `GPU ${asked}`}: ${build}, and ` +
    (missing
      ? `${missing.what} (${missing.file}) is not installed; install it`
      : `no GPU answers; check the device and its driver${CHECKS[backend] ?? ""}`) +
    `, or ${backend === "cuda" ? "run on the CPU with --gpu none" : instead}`;
}

/** File names in Linux's library folders and in those of CUDA. */
export function systemLibraries(): string[] {
  const cuda = names("/usr/local").filter((name) => /^cuda(-|$)/.test(name));
  const targets = [...cuda.map((name) => join("/usr/local", name)), Deno.env.get("CUDA_PATH") ?? ""]
    .map((folder) => join(folder, "targets"));
  const folders = [
    ...(Deno.env.get("LD_LIBRARY_PATH") ?? "").split(delimiter).filter((folder) => folder !== ""),
    ...["/usr/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"],
    ...targets.flatMap((folder) => names(folder).map((name) => join(folder, name, "lib"))),
  ];
  return folders.flatMap(names);
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
