import { text, type ValuesOf } from "../options.ts";

/** What a worker can compute on. */
export const BACKENDS = ["cpu", "cuda", "vulkan", "metal"] as const;

/** How an executable carries its runtime. */
export const RUNTIMES = ["auto", "compile", "portable"] as const;

/** Options of every build; what is not given the repository's build task decides. */
export const BUILD_OPTIONS = {
  target: text("--target <triple>", "Platform, for example aarch64-unknown-linux-gnu"),
  out: text("--out <dir>", "Folder for what is built", { values: "files" }),
  runtime: text(
    "--runtime <kind>",
    "auto, compile (one executable) or portable (one file that unpacks itself)",
    { values: RUNTIMES },
  ),
};

/** What a person wants of a build. */
export type BuildOptions = ValuesOf<typeof BUILD_OPTIONS>;
