/**
 * `tests/gpu/check.sh pack`: makes the pieces that a machine without a network needs beside the working
 * tree. They are packed with gzip, since a bare machine may have neither xz nor zstd.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { runMain, UsageError } from "#shared/lifecycle.ts";
import { llamaRelease, unpackLlama } from "../../tools/llama_bundle.ts";
import { installDeno } from "../../tools/build/install.ts";
import { output } from "../../tools/build/process.ts";
import { applyPatches } from "../../tools/build/libraries.ts";
import { findTarget } from "../../tools/build/targets.ts";
import { ROOT } from "../../tools/repo.ts";
import { closureOf, type PackageGraph } from "./packages.ts";

/** Largest piece, in bytes. */
const MAX_PIECE_BYTES = 60e6;

/** The programs that run on the other machine, whose packages are brought. */
const ENTRIES = [
  ...["cli/main.ts", "daemons/orchestratord/main.ts", "daemons/pool-managerd/main.ts"],
  ...["daemons/worker/main.ts", "tests/gpu/main.ts", "tests/gpu/step.ts", "tests/bench/main.ts"],
];

/** llama.cpp's paths that the CPU's and CUDA's backends and llama-bench are built from. */
const SOURCES = [
  ...["CMakeLists.txt", "LICENSE", "licenses", "cmake", "common", "include", "src", "vendor"],
  ...["ggml/CMakeLists.txt", "ggml/cmake", "ggml/include", "tools/llama-bench"],
  ...["ggml/src/ggml-cpu", "ggml/src/ggml-cuda"],
];

/** Files of packages that no program reads. */
const NOT_READ = ["*.d.ts", "*.d.cts", "*.d.mts", "*.map", "*.md"];

/** Files of node-llama-cpp: the engine only looks for its place. */
const ENGINE_FILES = ["package.json", "dist/index.js"];

async function pack(into: string): Promise<void> {
  await Deno.mkdir(into, { recursive: true });
  const work = await Deno.makeTempDir({ dir: dirname(into), prefix: "pack-" });
  try {
    await output("cp", [
      await installDeno(findTarget("x86_64-unknown-linux-gnu"), join(work, "runtime")),
      join(await made(work, "deno"), "deno"),
    ]);
    await addModules(await made(work, "modules"));
    await addSource(await made(work, "llama"));
    let total = 0;
    for (const piece of ["deno", "modules", "llama"]) {
      const archive = join(into, `${piece}.tar.gz`);
      await output("tar", ["-czf", archive, "-C", join(work, piece), "."]);
      const { size } = await Deno.stat(archive);
      if (size > MAX_PIECE_BYTES) throw new Error(`${archive} has ${size} bytes, too many`);
      total += size;
      console.log(`${archive}  ${(size / 1e6).toFixed(1)} MB`);
    }
    console.log(`${(total / 1e6).toFixed(1)} MB, with llama.cpp ${await llamaRelease()}`);
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function made(work: string, name: string): Promise<string> {
  const path = join(work, name);
  await Deno.mkdir(path);
  return path;
}

/** Copies the packages that the programs import, with the links to them and between them. */
async function addModules(into: string): Promise<void> {
  const graphs = await Promise.all(
    ENTRIES.map(async (entry): Promise<PackageGraph> =>
      JSON.parse(await output(Deno.execPath(), ["info", "--json", entry], { cwd: ROOT }))
    ),
  );
  const from = join(ROOT, "node_modules");
  const folders = new Set(graphs.flatMap(closureOf).map((path) => path.split("/.deno/")[1]));
  const packages = [...folders].map((path) => `.deno/${path!.split("/")[0]}`)
    .filter((path) => !path.includes("/node-llama-cpp@"));
  const engine = (await Deno.realPath(join(from, "node-llama-cpp"))).split("/node_modules/.deno/");
  const engineFiles = ENGINE_FILES.map((file) => `.deno/${engine[1]}/${file}`);
  // Those to packages that are not brought lead nowhere, and nothing follows them.
  const links = await output("find", [".", "-maxdepth", "2", "-type", "l"], { cwd: from });
  const names = [...new Set([...packages, ...engineFiles, ...links.trim().split("\n")])];
  const excluded = NOT_READ.map((pattern) => `--exclude=${pattern}`);
  const archive = `${into}.tar`;
  await output("tar", ["-cf", archive, ...excluded, "-C", from, ...names]);
  await output("tar", ["-xf", archive, "-C", into]);
}

/** Copies what is built of llama.cpp's source, with node-llama-cpp's patches. */
async function addSource(into: string): Promise<void> {
  const unpacked = await unpackLlama("llorch-llama-whole", ["."]);
  if ("why" in unpacked) throw new UsageError(`Cannot pack llama.cpp: ${unpacked.why}`);
  const { folder } = unpacked;
  const files = [];
  for await (const { name, isFile } of Deno.readDir(join(folder, "ggml/src"))) {
    if (isFile) files.push(`ggml/src/${name}`);
  }
  const archive = `${into}.tar`;
  await output("tar", ["-cf", archive, "-C", folder, ...SOURCES, ...files]);
  await output("tar", ["-xf", archive, "-C", into]);
  await Deno.writeTextFile(join(into, "tools/CMakeLists.txt"), "add_subdirectory(llama-bench)\n");
  await applyPatches(into);
}

Deno.exit(
  await runMain("pack", async () => {
    const [into, ...rest] = Deno.args;
    if (into === undefined || rest.length > 0) {
      throw new UsageError("Give the folder of the pieces");
    }
    await pack(into);
    return 0;
  }),
);
