import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { addBackend } from "./app.ts";
import { findTarget } from "./targets.ts";

/** Makes a `node_modules` with packages of node-llama-cpp that have these files in `bins`. */
async function nodeModules(
  dir: string,
  packages: Readonly<Record<string, readonly string[]>>,
): Promise<string> {
  for (const [name, files] of Object.entries(packages)) {
    const inside = `node_modules/.deno/@node-llama-cpp+${name}@3.21.1/node_modules/@node-llama-cpp`;
    for (const file of files) {
      const path = join(dir, inside, name, "bins", file);
      await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.writeTextFile(path, file);
    }
  }
  return join(dir, "node_modules");
}

async function filesIn(folder: string, below = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(join(folder, below))) {
    const path = below === "" ? name : `${below}/${name}`;
    found.push(...isDirectory ? await filesIn(folder, path) : [path]);
  }
  return found.sort();
}

Deno.test("addBackend() copies the libraries that the engine opens, each package's into its platform's folder", async () => {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    const modules = await nodeModules(dir, {
      "linux-x64-cuda": [
        "linux-x64-cuda/libllama.cuda.v0.4.0.so",
        "linux-x64-cuda/libllama-common.so",
        "linux-x64-cuda/libggml-cuda.so",
        "linux-x64-cuda/libggml-cpu-x64.so",
        "linux-x64-cuda/llama-addon.node",
        "linux-x64-cuda/_nlcBuildMetadata.json",
      ],
      "linux-x64-cuda-ext": ["linux-x64-cuda/fallback/libggml-cuda.so"],
      "mac-arm64-metal": [
        "mac-arm64-metal/libllama.metal.v0.4.0.dylib",
        "mac-arm64-metal/libggml-metal.so",
        "mac-arm64-metal/libggml-blas.so",
      ],
    });
    const linux = join(dir, "linux");
    await addBackend(modules, "cuda", findTarget("x86_64-unknown-linux-gnu"), linux);
    assert.deepEqual(await filesIn(linux), [
      "llama/linux-x64-cuda/fallback/libggml-cuda.so",
      "llama/linux-x64-cuda/libggml-cpu-x64.so",
      "llama/linux-x64-cuda/libggml-cuda.so",
      "llama/linux-x64-cuda/libllama.cuda.v0.4.0.so",
    ]);
    const mac = join(dir, "mac");
    await addBackend(modules, "metal", findTarget("aarch64-apple-darwin"), mac);
    assert.deepEqual(await filesIn(mac), [
      "llama/mac-arm64-metal/libggml-metal.so",
      "llama/mac-arm64-metal/libllama.metal.v0.4.0.dylib",
    ]);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
