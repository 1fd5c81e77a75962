import { BUILD_INFO } from "#shared/build_info.ts";
import { LlorchError } from "#shared/errors.ts";
import { cpuBinaries, gpuBinaries } from "./c/carried.ts";
import { checkAbi } from "./c/check_abi.ts";
import { checkFiles, openedIn, ownHashes } from "./c/check_files.ts";
import { VERSION } from "./c/abi.ts";
import { openDependencies } from "./c/library.ts";
import { unpacked } from "./c/unpack.ts";

/**
 * The folder of libraries that may be opened once they are checked: unpacked if this program is compiled.
 *
 * @param carried Folder as this program carries it.
 * @throws {LlorchError} `WORKER_START_FAILED` if they cannot be unpacked
 */
export async function folderToOpen(carried: string): Promise<string> {
  return BUILD_INFO?.runtime === "compile" ? await unpacked(carried) : carried;
}

/**
 * What a load would open: a line for each folder of libraries, all of which are checked.
 *
 * @throws {LlorchError} `WORKER_START_FAILED` that says what is wrong with the first that cannot be used
 */
export async function describeLibraries(): Promise<string[]> {
  const folders = new Set([gpuBinaries(), cpuBinaries()].filter((each) => each !== undefined));
  if (folders.size === 0) {
    const message = "This build of llorch-candled has no libraries of this platform";
    throw new LlorchError("WORKER_START_FAILED", message);
  }
  const lines: string[] = [];
  for (const each of folders) {
    const folder = await folderToOpen(each);
    checkFiles(folder);
    // Only the first, as one process cannot hold two.
    if (lines.length === 0) checkAbi(openDependencies(folder));
    const from = ownHashes(folder) ? "built from source" : "of node-llama-cpp's package";
    const count = openedIn(folder).length;
    lines.push(`${folder}: llama.cpp ${VERSION} ${from}, all ${count} hashes match`);
  }
  return lines;
}
