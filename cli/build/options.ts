import type { Option } from "../command.ts";
import { RUNTIMES } from "./arguments.ts";

/** Options of every build; what is not given the repository's build task decides. */
export const BUILD_OPTIONS: readonly Option[] = [
  { flags: "--target <triple>", summary: "Platform, for example aarch64-unknown-linux-gnu" },
  { flags: "--out <dir>", summary: "Folder for what is built", values: "files" },
  {
    flags: "--runtime <kind>",
    summary: "auto, compile (one executable) or portable (one file that unpacks itself)",
    values: RUNTIMES,
  },
];
