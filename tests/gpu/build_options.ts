/**
 * CMake's options of the GPU check after those of `llorch build worker … --libraries source`, of which
 * they replace some: one kind of CPU, one kind of card, and llama-bench besides.
 */
const COMMON = [
  "-DGGML_CPU_ALL_VARIANTS=OFF",
  "-DLLAMA_BUILD_COMMON=ON",
  "-DLLAMA_BUILD_TOOLS=ON",
  // Programs of the build find libraries beside them.
  "-DLLAMA_TOOLS_INSTALL=OFF",
];

/** Optimized less: the CPU's build only tests the check itself. */
const QUICK = ["C", "CXX"].map((each) => `-DCMAKE_${each}_FLAGS_RELEASE=-O1 -DNDEBUG`);

/** By backend. */
export const LIBRARIES_OPTIONS: Readonly<Record<"cpu" | "cuda", readonly string[]>> = {
  cpu: [...COMMON, ...QUICK],
  cuda: [...COMMON, "-DCMAKE_CUDA_ARCHITECTURES=native", "-DGGML_CUDA_FA_ALL_QUANTS=OFF"],
};
