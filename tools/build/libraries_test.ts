import assert from "node:assert/strict";
import { cmakeOptions } from "./libraries.ts";

Deno.test("cmakeOptions() switches one backend on, as files of their own that find each other", () => {
  const linux = cmakeOptions("vulkan", { os: "linux" });
  for (
    const option of ["GGML_VULKAN=ON", "GGML_CUDA=OFF", "GGML_METAL=OFF", "GGML_BACKEND_DL=ON"]
  ) assert.ok(linux.includes(`-D${option}`), option);
  assert.ok(linux.includes("-DCMAKE_BUILD_RPATH=$ORIGIN"));
  assert.ok(cmakeOptions("metal", { os: "darwin" }).includes("-DCMAKE_BUILD_RPATH=@loader_path"));
  assert.ok(
    !cmakeOptions("cpu", { os: "linux" }).some((each) => /(CUDA|VULKAN|METAL)=ON/.test(each)),
  );
});
