/** Systems whose names of libraries are known, as Deno names them; others have Linux's names. */
export type LibraryOs = typeof Deno.build.os;

/** Names of libraries: what is around them on each system. macOS names libraries that are loaded by path `.so`. */
const NAMES: Partial<Readonly<Record<LibraryOs, RegExp>>> = {
  darwin: /^lib(.+)\.(?:dylib|so)$/,
  windows: /^(?:lib)?(.+)\.dll$/,
};
const LINUX_NAMES = /^lib(.+)\.so$/;

/** Backends for GPUs, as their libraries are named. */
export const GPU_BACKENDS: readonly string[] = ["ggml-cuda", "ggml-vulkan", "ggml-metal"];

/** Folder of a backend for another version of the system's libraries, inside the folder of the others. */
export const FALLBACK = "fallback";

/** The library that reads pictures and sound for llama.cpp. It is in a folder of its own, beside the others' one. */
export const MEDIA_LIBRARY = "mtmd";
/** File name of {@linkcode MEDIA_LIBRARY}, which is built for Linux alone. */
export const MEDIA_FILE = `lib${MEDIA_LIBRARY}.so`;

/** Whether the engine opens the library of this name; node-llama-cpp's packages bring others, too. */
export function isOpened(name: string): boolean {
  return /^(?:llama|ggml|ggml-base|mtmd)$/.test(name) || isCpuBackend(name) ||
    GPU_BACKENDS.includes(name);
}

/** Whether a file is a library that the engine opens. */
export function isOpenedFile(file: string, os: LibraryOs = Deno.build.os): boolean {
  return [...libraryFiles([file], os).keys()].some(isOpened);
}

/** Whether this is a backend for CPUs. A folder has one for each kind of CPU. */
export function isCpuBackend(name: string): boolean {
  return /^ggml-cpu(?:-|$)/.test(name);
}

/**
 * The libraries among the files of a folder, by names such as `llama` and `ggml-cpu-x64`. The parts of a
 * file's name after that, which say the backend and the version that it was built for, do not matter:
 * `libllama.so`, `libllama.v0.4.0.so` and `libllama.cuda.v0.4.0.so` are all `llama`.
 *
 * @param files File names.
 * @throws {RangeError} if two files are the same library
 */
export function libraryFiles(
  files: Iterable<string>,
  os: LibraryOs = Deno.build.os,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const file of files) {
    const [, inside] = (NAMES[os] ?? LINUX_NAMES).exec(file) ?? [];
    if (inside === undefined) continue;
    const [name = ""] = inside.split(".");
    const other = found.get(name);
    if (other !== undefined) {
      throw new RangeError(`${[other, file].sort().join(" and ")} are the same library`);
    }
    found.set(name, file);
  }
  return found;
}
