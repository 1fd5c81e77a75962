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

/** Options of the CPU's build. */
export const CPU_OPTIONS: readonly string[] = [...COMMON, ...QUICK];

/**
 * Options of a build for one kind of card.
 *
 * @param capability Its compute capability as `nvidia-smi` writes it, `9.0`; a driver that does not know
 * this question answers otherwise, and CMake finds it out, from version 3.24 on.
 */
export function cudaOptions(capability: string): string[] {
  const [, major, minor] = /^(\d+)\.(\d)$/.exec(capability.trim()) ?? [];
  const architecture = major === undefined ? "native" : `${major}${minor}-real`;
  return [
    ...COMMON,
    `-DCMAKE_CUDA_ARCHITECTURES=${architecture}`,
    "-DGGML_CUDA_FA_ALL_QUANTS=OFF",
  ];
}
