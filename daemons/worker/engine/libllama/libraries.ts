import { BUILD_INFO } from "#shared/build_info.ts";
import { LlorchError } from "#shared/errors.ts";
import { cpuBinaries, gpuBinaries } from "./backend.ts";
import { checkAbi } from "./c/check_abi.ts";
import { checkFiles, openedIn, ownHashes } from "./c/check_files.ts";
import { VERSION } from "./c/abi.ts";
import { openDependencies } from "./c/library.ts";
import { unpacked } from "./c/unpack.ts";

/**
 * The folder of libraries that may be opened: unpacked if this program is compiled, and checked.
 *
 * @param carried Folder as this program carries it.
 * @param onlyCpu Whether backends for GPUs are not opened.
 * @throws {LlorchError} `WORKER_START_FAILED` that says which file is wrong, and what to do
 */
export async function checkedFolder(carried: string, onlyCpu: boolean): Promise<string> {
  const folder = BUILD_INFO?.runtime === "compile" ? await unpacked(carried) : carried;
  await checkFiles(folder, { onlyCpu });
  return folder;
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
    const folder = await checkedFolder(each, false);
    // Only the first, as one process cannot hold two.
    if (lines.length === 0) checkAbi(openDependencies(folder));
    const from = ownHashes(folder) ? "built from source" : "of node-llama-cpp's package";
    const count = openedIn(folder).length;
    lines.push(`${folder}: llama.cpp ${VERSION} ${from}, all ${count} hashes match`);
  }
  return lines;
}
