import assert from "node:assert/strict";
import { libraryFiles, type LibraryOs } from "./library_files.ts";

/** File names of each system, and the libraries that they are. */
const FILES: readonly [os: LibraryOs, files: Readonly<Record<string, string>>][] = [
  ["linux", {
    "libggml-base.so": "ggml-base",
    "libggml-cpu-sapphirerapids.so": "ggml-cpu-sapphirerapids",
    "libggml.v0.4.0.so": "ggml",
    "libllama.v0.4.0.so": "llama",
  }],
  ["linux", {
    "libggml-cuda.so": "ggml-cuda",
    "libggml.cuda.v0.4.0.so": "ggml",
    "libllama.cuda.v0.4.0.so": "llama",
    "libllama-common.so": "llama-common",
  }],
  ["linux", {
    "libggml-vulkan.so": "ggml-vulkan",
    "libggml.vulkan.v0.4.0.so": "ggml",
    "libllama.vulkan.v0.4.0.a1b2c3d4.so": "llama",
  }],
  ["linux", { "libggml.so": "ggml", "libllama.so": "llama" }],
  ["darwin", {
    "libggml-base.dylib": "ggml-base",
    "libggml-cpu-apple_m2_m3.so": "ggml-cpu-apple_m2_m3",
    "libggml-metal.so": "ggml-metal",
    "libggml.metal.v0.4.0.dylib": "ggml",
    "libllama.metal.v0.4.0.dylib": "llama",
  }],
  ["windows", {
    "ggml-base.dll": "ggml-base",
    "ggml-cpu-x64.dll": "ggml-cpu-x64",
    "ggml.cuda.v0.4.0.dll": "ggml",
    "llama.cuda.v0.4.0.dll": "llama",
    "libggml-vulkan.dll": "ggml-vulkan",
  }],
];

for (const [os, files] of FILES) {
  Deno.test(`libraryFiles() knows ${Object.keys(files).join(", ")} on ${os}`, () => {
    const wanted = Object.entries(files).map(([file, name]) => [name, file] as const);
    assert.deepEqual(libraryFiles(Object.keys(files), os), new Map(wanted));
  });
}

Deno.test("libraryFiles() leaves out other files and other systems' libraries", () => {
  const others = ["llama-addon.node", "_nlcBuildMetadata.json", "llama.c", "llama", "lib.so.txt"];
  const { linux, darwin, windows } = {
    linux: "libllama.so",
    darwin: "libllama.dylib",
    windows: "llama.dll",
  };
  // Links for the loader have the version behind the ending.
  const files = [...others, "libllama.so.0", linux, darwin, windows];
  assert.deepEqual(libraryFiles(files, "linux"), new Map([["llama", linux]]));
  assert.deepEqual(libraryFiles(files, "windows"), new Map([["llama", windows]]));
  assert.deepEqual(
    libraryFiles(files.filter((file) => file !== linux), "darwin"),
    new Map([["llama", darwin]]),
  );
});

Deno.test("libraryFiles() does not choose between two builds of a library", () => {
  assert.throws(
    () => libraryFiles(["libllama.v0.4.0.so", "libggml.so", "libllama.cuda.v0.4.0.so"], "linux"),
    { name: "RangeError", message: /^libllama\.cuda\.v0\.4\.0\.so and libllama\.v0\.4\.0\.so are/ },
  );
});
