import assert from "node:assert/strict";
import { findGpu } from "./gpu.ts";

const search = (binDir: string | undefined, ...there: string[]) => ({
  binDir,
  exists: (path: string) => there.includes(path),
});

Deno.test("a GPU is used where there are a build and a device for it, CUDA before Vulkan", () => {
  const both = ["/b/llorch-candled-cuda", "/b/llorch-candled-vulkan", "/dev/dri/renderD128"];
  assert.deepEqual(findGpu("1", search("/b", ...both, "/dev/nvidia1")), {
    backend: "cuda",
    path: "/b/llorch-candled-cuda",
  });
  assert.deepEqual(findGpu("1", search("/b", ...both, "/dev/nvidia0")), {
    backend: "vulkan",
    path: "/b/llorch-candled-vulkan",
  });
});

Deno.test("without a build or a device for it, a GPU is skipped with what to do", () => {
  const make = "make one with `llorch build worker cuda --out DIR` and set LLORCH_BIN_DIR=DIR";
  assert.equal(findGpu("0", search(undefined)), `no GPU build in LLORCH_BIN_DIR: ${make}`);
  assert.equal(
    findGpu("0", search("/b", "/b/llorch-candled", "/dev/nvidia0")),
    `no GPU build in /b: ${make}`,
  );
  assert.equal(
    findGpu("3", search("/b", "/b/llorch-candled-cuda", "/dev/nvidia0")),
    "no GPU 3: there is no /dev/nvidia3 or /dev/dxg; install its driver",
  );
});
