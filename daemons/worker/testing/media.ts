import { cpuBinaries, mediaLibrary } from "../engine/libllama/c/carried.ts";

/** Why no model can see on this machine; undefined if one can. */
export function whyNoMedia(): string | undefined {
  const folder = cpuBinaries();
  if (folder === undefined) return "no libraries of llama.cpp are installed";
  return mediaLibrary(folder) === undefined ? "run deno task media first" : undefined;
}
