/**
 * Writes the declarations of llama.cpp's C interface for the worker's engine, or with `--check` compares
 * them: from the headers that node-llama-cpp brings, checked by a C compiler and its libllama. Writes the
 * hashes of its libraries, too, for which it fetches the packages of every platform; `--check` compares
 * those of installed ones.
 *
 * @module
 */
import { readAbi } from "./abi/abi.ts";
import { HEADER_CACHE, HEADER_FOLDERS } from "./abi/compiler.ts";
import { differences } from "./abi/differences.ts";
import { type Abi, abiModule, abiOf } from "./abi/module.ts";
import { allHashes, hashesModule, installedHashes } from "./abi/hashes.ts";
import { formatted } from "./formatted.ts";
import { llamaLibrary, llamaRelease, unpackLlama } from "./llama_bundle.ts";
import { generated, leaveOut, report } from "./repo.ts";

const FILE = "daemons/worker/engine/libllama/c/abi.ts";
const HASH_FILE = "daemons/worker/engine/libllama/c/hashes.ts";

/** The interface as the headers and the library have it, or what is wrong, or why it is not known. */
async function currentAbi(): ReturnType<typeof readAbi> {
  const source = await unpackLlama(HEADER_CACHE, HEADER_FOLDERS);
  if ("why" in source) return source;
  const library = await llamaLibrary();
  return "why" in library ? library : await readAbi(source.folder, library.path);
}

/** Differences of the file's contents, or if there are none, of its text. */
async function fileProblems(abi: Abi): Promise<string[]> {
  const written = abiOf(await import("../daemons/worker/engine/libllama/c/abi.ts"));
  const different = differences(written, abi);
  return different.length > 0 ? different : generated(FILE, await fileText(abi), true);
}

async function fileText(abi: Abi): Promise<string> {
  return await formatted(abiModule(abi, await llamaRelease()), "ts");
}

async function hashProblems(): Promise<string[]> {
  const { HASHES } = await import("../daemons/worker/engine/libllama/c/hashes.ts");
  const written: Readonly<Record<string, unknown>> = HASHES;
  return Object.entries(await installedHashes()).flatMap(([platform, hashes]) =>
    differences(written[platform], hashes, `hashes of ${platform}`)
  );
}

if (import.meta.main) {
  const isCheck = Deno.args.includes("--check");
  const result = await currentAbi();
  if ("why" in result && isCheck) leaveOut(result.why);
  if ("why" in result) report([result.why], "");
  if ("problems" in result) report(result.problems, "");
  const problems = isCheck ? [...await fileProblems(result.abi), ...await hashProblems()] : [
    ...generated(FILE, await fileText(result.abi), false),
    ...generated(HASH_FILE, await formatted(hashesModule(await allHashes()), "ts"), false),
  ];
  report(problems.map((each) => `${each}: run deno task abi`), "llama.cpp's interface");
}
