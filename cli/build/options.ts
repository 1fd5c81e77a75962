import { text, type ValuesOf } from "../options.ts";

/** Backends that a worker can compute on. */
export const BACKENDS = ["cpu", "cuda", "vulkan", "metal"] as const;

/** How an executable carries its runtime. */
export const RUNTIMES = ["auto", "compile", "portable"] as const;

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

/** Values of {@linkcode BUILD_OPTIONS}. */
export type BuildOptions = ValuesOf<typeof BUILD_OPTIONS>;
