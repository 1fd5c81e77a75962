import { text, type ValuesOf } from "../options.ts";

/** Backends that a worker can compute on. */
export const BACKENDS = ["cpu", "cuda", "vulkan", "metal"] as const;

/** How an executable carries its runtime. */
export const RUNTIMES = ["auto", "compile", "portable"] as const;

/** Where a worker's libraries of llama.cpp come from. */
export const LIBRARIES = ["packages", "source"] as const;

/** What images are for. */
export const IMAGES = ["orchestrator", "pool-manager", "worker"] as const;

/** Options of every build; their defaults are those of the repository's build task. */
export const BUILD_OPTIONS = {
  target: text("--target <triple>", "Platform, for example aarch64-unknown-linux-gnu"),
  out: text("--out <dir>", "Folder to write the executables to", { values: "files" }),
  runtime: text(
    "--runtime <kind>",
    "auto, compile (one executable) or portable (one file that unpacks itself)",
    { values: RUNTIMES },
  ),
};

/** Options of a worker's build. */
export const WORKER_OPTIONS = {
  ...BUILD_OPTIONS,
  libraries: text(
    "--libraries <kind>",
    "llama.cpp: packages (node-llama-cpp's builds) or source (built here, with CMake)",
    { values: LIBRARIES },
  ),
};

/** Values of {@linkcode WORKER_OPTIONS}; other builds have no libraries. */
export type BuildOptions = ValuesOf<typeof WORKER_OPTIONS>;

/** Options of images. */
export const IMAGE_OPTIONS = {
  backend: text(
    "--backend <name>",
    "What the worker in it computes on; all but cpu need --base (default: cpu)",
    { values: BACKENDS },
  ),
  base: text(
    "--base <image>",
    "Image to put it on instead of Debian's packages: oci:DIR, or oci:DIR:NAME",
    { values: "files" },
  ),
  packages: text(
    "--packages <from>",
    "Folder or mirror with the pinned packages of Debian (default: the mirror that apt uses)",
    { values: "files" },
  ),
  target: text("--target <triple>", "Platform, for example aarch64-unknown-linux-gnu"),
  out: text("--out <dir>", "Folder to write the images' folders to", { values: "files" }),
};

/** Values of {@linkcode IMAGE_OPTIONS}. */
export type ImageOptions = ValuesOf<typeof IMAGE_OPTIONS>;
