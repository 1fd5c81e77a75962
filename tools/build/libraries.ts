/**
 * Builds llama.cpp's libraries from the source that node-llama-cpp carries, as its packages are built.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LlorchError } from "#shared/errors.ts";
import { OWN_HASHES } from "../../daemons/worker/engine/libllama/c/check_files.ts";
import { isOpenedFile } from "../../daemons/worker/engine/libllama/c/library_files.ts";
import { hashesOf } from "../abi/hashes.ts";
import { unpackLlama } from "../llama_bundle.ts";
import { output } from "./process.ts";
import type { Backend, Target } from "./targets.ts";

/** CMake's switch of each backend; the CPU's is always built. */
const SWITCHES = { cuda: "GGML_CUDA", vulkan: "GGML_VULKAN", metal: "GGML_METAL" } as const;

/** CMake's options for every backend. */
const OPTIONS: Readonly<Record<string, string>> = {
  CMAKE_BUILD_TYPE: "Release",
  // Backends are files of their own, one for each kind of CPU: a worker runs on other machines, too.
  BUILD_SHARED_LIBS: "ON",
  GGML_BACKEND_DL: "ON",
  GGML_CPU_ALL_VARIANTS: "ON",
  GGML_NATIVE: "OFF",
  // The system may not have its library.
  GGML_OPENMP: "OFF",
  GGML_BLAS: "OFF",
  GGML_CCACHE: "OFF",
  LLAMA_BUILD_COMMON: "OFF",
  LLAMA_BUILD_TESTS: "OFF",
  LLAMA_BUILD_TOOLS: "OFF",
  LLAMA_BUILD_EXAMPLES: "OFF",
  LLAMA_BUILD_SERVER: "OFF",
  LLAMA_BUILD_APP: "OFF",
  LLAMA_OPENSSL: "OFF",
  // Libraries find each other beside them, under their names without versions: there are no links.
  CMAKE_PLATFORM_NO_VERSIONED_SONAME: "ON",
};

/** CMake's options, as `-DNAME=VALUE`. */
export function cmakeOptions(backend: Backend, { os }: Pick<Target, "os">): string[] {
  const switches = Object.entries(SWITCHES)
    .map(([each, name]) => [name, each === backend ? "ON" : "OFF"] as const);
  const beside = os === "darwin" ? "@loader_path" : "$ORIGIN";
  return Object.entries({ ...OPTIONS, ...Object.fromEntries(switches), CMAKE_BUILD_RPATH: beside })
    .map(([name, value]) => `-D${name}=${value}`);
}

/**
 * Builds the libraries of a backend for this machine, into the same folder of the app as those of packages,
 * with their hashes.
 *
 * @param work A new folder for the build.
 * @throws {LlorchError} if a tool is missing, or with what CMake says
 */
export async function buildLibraries(
  backend: Backend,
  target: Target,
  work: string,
  app: string,
): Promise<void> {
  const platform = target.backends[backend]![0]!;
  await Deno.mkdir(work);
  const [source, made] = [join(work, "source"), join(work, "build")];
  await copySource(source);
  await tool("cmake", ["-S", source, "-B", made, ...cmakeOptions(backend, target)]);
  const parallel = `--parallel=${navigator.hardwareConcurrency}`;
  await tool("cmake", ["--build", made, "--config=Release", "--target=llama", parallel]);
  await copyLibraries(join(made, "bin"), join(app, "llama", platform));
}

/** Copies the libraries that the engine opens into a new or empty folder, with their hashes. */
export async function copyLibraries(built: string, folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for await (const { name, isFile } of Deno.readDir(built)) {
    if (isFile && isOpenedFile(name)) {
      await Deno.copyFile(join(built, name), join(folder, name));
    }
  }
  const hashes = hashesOf(folder, Deno.build.os);
  await Deno.writeTextFile(join(folder, OWN_HASHES), JSON.stringify(hashes, null, 2) + "\n");
}

/** Copies the source, with the patches that node-llama-cpp applies for its packages. */
async function copySource(into: string): Promise<void> {
  const unpacked = await unpackLlama("llorch-llama-whole", ["."]);
  if ("why" in unpacked) throw failed(unpacked.why);
  await tool("cp", ["-R", unpacked.folder, into]);
  await applyPatches(into);
}

/** Applies node-llama-cpp's patches to a copy of llama.cpp's source. */
export async function applyPatches(source: string): Promise<void> {
  const patches = join(
    dirname(fileURLToPath(import.meta.resolve("node-llama-cpp"))),
    "../llama/patches",
  );
  for await (const { name } of Deno.readDir(patches)) {
    // Without a repository around it, git takes the paths from the current folder.
    await tool("git", ["apply", "--ignore-whitespace", join(patches, name)], source);
  }
}

async function tool(command: string, args: readonly string[], cwd?: string): Promise<void> {
  try {
    await output(
      command,
      args,
      cwd === undefined ? {} : { cwd, env: { GIT_CEILING_DIRECTORIES: dirname(cwd) } },
    );
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw failed(`${command} is not installed; install it, or leave out --libraries`);
  }
}

function failed(reason: string): LlorchError {
  return new LlorchError("NOT_FOUND", `Cannot build llama.cpp: ${reason}`);
}
