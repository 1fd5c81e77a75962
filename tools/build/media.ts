/**
 * Builds libmtmd, which reads pictures and sound for llama.cpp, against the libraries that a worker carries.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { OWN_HASHES, sha256 } from "../../daemons/worker/engine/libllama/c/check_files.ts";
import { libraryFiles, MEDIA_FILE } from "../../daemons/worker/engine/libllama/c/library_files.ts";
import { hashesOf } from "../abi/hashes.ts";
import { cacheFolder, unpackLlama } from "../llama_bundle.ts";
import { CommandError, output } from "./process.ts";
import type { Target } from "./targets.ts";

/** Sources of libmtmd, in llama.cpp's source; those of a folder `models` beside them belong to it. */
const SOURCES = ["clip.cpp", "mtmd-audio.cpp", "mtmd-image.cpp", "mtmd.cpp"];
const FOLDER = "tools/mtmd";

/** Compilers of C++ for a platform, as Debian names them; the machine's own one is `c++`. */
const COMPILERS: Readonly<Record<string, string>> = {
  "x86_64-unknown-linux-gnu": "x86_64-linux-gnu-g++",
  "aarch64-unknown-linux-gnu": "aarch64-linux-gnu-g++",
};

/** Options of the compiler. No option depends on the machine that compiles. */
export function compileOptions(source: string): string[] {
  return [
    ...["-std=c++17", "-O3", "-DNDEBUG", "-fPIC", "-fvisibility=hidden"],
    ...["-fvisibility-inlines-hidden", "-ffunction-sections", "-fdata-sections"],
    ...["-DLLAMA_SHARED", "-DLLAMA_BUILD", "-DGGML_SHARED", "-DGGML_BACKEND_SHARED"],
    // The text of an assertion has its file's path.
    `-ffile-prefix-map=${source}/=`,
    ...[FOLDER, "include", "ggml/include"].map((each) => `-I${join(source, each)}`),
  ];
}

/**
 * Options of the linker: the library needs those that are open already, under the names that they have.
 *
 * @param libraries Paths of libllama, libggml and libggml-base.
 */
export function linkOptions(libraries: readonly string[]): string[] {
  return [
    ...["-shared", `-Wl,-soname,${MEDIA_FILE}`, "-Wl,--gc-sections", "-Wl,--no-undefined"],
    // So that two builds are equal to the byte.
    ...["-Wl,--build-id=none", "-s"],
    ...libraries,
  ];
}

/** Where the library was built, or why there is none. */
export type MediaBuild = { readonly file: string } | { readonly why: string };

/**
 * Builds libmtmd for the libraries of a folder, once for each content of source, libraries and compiler.
 *
 * The helpers of libmtmd are left out: they decode files of pictures and sound, and start `ffmpeg`. What
 * decodes is the worker's own; see record 45.
 *
 * @param libraries Folder with libllama and libggml.
 * @param host Triple of the machine that builds.
 * @returns why it was not built where the platform has none, or a tool is absent
 * @throws {CommandError} with what the compiler says
 */
export async function buildMedia(
  libraries: string,
  target: Pick<Target, "triple" | "os">,
  host: string = Deno.build.target,
): Promise<MediaBuild> {
  if (target.os !== "linux") return { why: `libmtmd is built for Linux alone` };
  const compiler = target.triple === host ? "c++" : COMPILERS[target.triple]!;
  const version = await versionOf(compiler);
  if (version === undefined) return { why: `no C++ compiler is installed (${compiler})` };
  const unpacked = await unpackLlama("llorch-llama-whole", ["."]);
  if ("why" in unpacked) return unpacked;
  const linked = linkedLibraries(libraries);
  const key = createHash("sha256").update(JSON.stringify([
    ...[basename(unpacked.folder), version, target.triple, compileOptions(""), linkOptions([])],
    linked.map((path) => sha256(path)),
  ])).digest("hex").slice(0, 16);
  const cache = join(cacheFolder(), "llorch-mtmd");
  const file = join(cache, key, MEDIA_FILE);
  if (await isThere(file)) return { file };
  await Deno.mkdir(cache, { recursive: true });
  const work = await Deno.makeTempDir({ dir: cache, prefix: "new-" });
  try {
    await compile(compiler, unpacked.folder, linked, work);
    await Deno.mkdir(join(work, key));
    await Deno.rename(join(work, MEDIA_FILE), join(work, key, MEDIA_FILE));
    await Deno.rename(join(work, key), join(cache, key)).catch(async (error) => {
      // Another build was first.
      if (!await isThere(file)) throw error;
    });
  } finally {
    await Deno.remove(work, { recursive: true });
  }
  return { file };
}

/** Puts the library into a folder of its own, with its hash. */
export async function placeMedia(file: string, folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const aside = join(folder, `.${MEDIA_FILE}`);
  await Deno.copyFile(file, aside);
  await Deno.chmod(aside, 0o644);
  await Deno.rename(aside, join(folder, MEDIA_FILE));
  const hashes = hashesOf(folder, "linux");
  await Deno.writeTextFile(join(folder, OWN_HASHES), JSON.stringify(hashes, null, 2) + "\n");
}

async function compile(
  compiler: string,
  source: string,
  linked: readonly string[],
  work: string,
): Promise<void> {
  const models: string[] = [];
  for await (const { name } of Deno.readDir(join(source, FOLDER, "models"))) {
    if (name.endsWith(".cpp")) models.push(`models/${name}`);
  }
  // The largest first, so that none is left alone at the end.
  const left = [...SOURCES, ...models.sort()];
  const objects = left.map((each) => join(work, `${each.replace("/", "-")}.o`));
  const jobs = left.map((each, index) => [each, objects[index]!] as const);
  const next = async () => {
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      const [from, to] = job;
      await output(compiler, [
        ...compileOptions(source),
        "-c",
        join(source, FOLDER, from),
        "-o",
        to,
      ]);
    }
  };
  await Promise.all(Array.from({ length: navigator.hardwareConcurrency }, next));
  const made = join(work, MEDIA_FILE);
  await output(compiler, [...objects.sort(), ...linkOptions(linked), "-o", made]);
}

/** Paths of the libraries that libmtmd calls. */
function linkedLibraries(folder: string): string[] {
  const files = libraryFiles([...Deno.readDirSync(folder)].map(({ name }) => name), "linux");
  return ["llama", "ggml", "ggml-base"].map((name) => {
    const file = files.get(name);
    if (file === undefined) throw new LlorchError("NOT_FOUND", `${folder} has no library ${name}`);
    return join(folder, file);
  });
}

/** What a compiler says that it is; undefined if there is none of this name. */
async function versionOf(compiler: string): Promise<string | undefined> {
  try {
    return await output(compiler, ["--version"], { env: { LC_ALL: "C" } });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof CommandError) return undefined;
    throw error;
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
