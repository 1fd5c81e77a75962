import assert from "node:assert/strict";
import { join } from "node:path";
import { driverSentence, systemLibraries } from "./driver.ts";

const BUILD = "this build of llorch-candled computes with";

Deno.test("a missing driver is named, with the build's backend and what to do", () => {
  assert.equal(
    driverSentence({ backend: "cuda", asked: undefined, libraries: ["libcudart.so.12"] }),
    `Cannot use a GPU: ${BUILD} CUDA, and NVIDIA's driver (libcuda.so) is not installed; ` +
      "install it, or run on the CPU with --gpu none",
  );
  assert.equal(
    driverSentence({ backend: "cuda", asked: "1", libraries: ["libcuda.so.1"] }),
    `Cannot use GPU 1: ${BUILD} CUDA, and CUDA's runtime (libcudart.so) is not installed; ` +
      "install it, or run on the CPU with --gpu none",
  );
  assert.equal(
    driverSentence({ backend: "vulkan", asked: undefined, libraries: [] }),
    `Cannot use a GPU: ${BUILD} Vulkan, and Vulkan's loader (libvulkan.so) is not installed; ` +
      "install it, or use a build for the CPU (`llorch build worker cpu`)",
  );
});

Deno.test("a missing device is distinguished from a missing driver", () => {
  assert.equal(
    driverSentence({ backend: "vulkan", asked: "0", libraries: ["libvulkan.so.1"] }),
    `Cannot use GPU 0: ${BUILD} Vulkan, and no GPU answers; check the device and its driver ` +
      "(see vulkaninfo --summary), or use a build for the CPU (`llorch build worker cpu`)",
  );
});

Deno.test("a build that needs a GPU says so when it should use the CPU", () => {
  assert.equal(
    driverSentence({ backend: "metal", asked: "none", libraries: [] }),
    `Cannot use the CPU: ${BUILD} Metal and nothing else; leave --gpu out, ` +
      "or use a build for the CPU (`llorch build worker cpu`)",
  );
});

Deno.test("libraries are also searched for in the system's configured folders", async () => {
  const folder = await Deno.makeTempDir();
  const before = Deno.env.get("LD_LIBRARY_PATH");
  try {
    await Deno.writeTextFile(join(folder, "libof-a-test.so.1"), "");
    Deno.env.set("LD_LIBRARY_PATH", `/nowhere:${folder}`);
    assert.ok(systemLibraries().includes("libof-a-test.so.1"));
  } finally {
    if (before === undefined) Deno.env.delete("LD_LIBRARY_PATH");
    else Deno.env.set("LD_LIBRARY_PATH", before);
    await Deno.remove(folder, { recursive: true });
  }
});
