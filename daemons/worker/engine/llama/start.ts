import { getLlama, type Llama, LlamaLogLevel, type LlamaOptions } from "node-llama-cpp";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import {
  builtGpuBackends,
  chooseGpu,
  cpuBinaries,
  type GpuChoice,
  showNoGpu,
  showOnlyGpu,
} from "./backend.ts";
import { driverSentence, systemLibraries } from "./driver.ts";
import { openBuild } from "./native.ts";

/** Options of {@linkcode startLlama}. */
export interface StartOptions {
  /** Number of a GPU, or `none` for the CPU; undefined: the first device of the build's backend. */
  readonly gpu: string | undefined;
  /** Most threads that will be used at once. */
  readonly maxThreads: number;
  /** Called with llama.cpp's warnings and errors. */
  readonly onWarning: (message: string) => void;
}

/**
 * Starts llama.cpp on the requested device, and never on another.
 *
 * @throws {LlorchError} `WORKER_START_FAILED` that says what is missing and what to do
 */
export async function startLlama({ gpu: asked, ...rest }: StartOptions): Promise<Llama> {
  const built = builtGpuBackends();
  const gpu = chooseGpu(asked, built);
  const options: LlamaOptions = {
    // The library's default is at least 4, which is 500 times slower with fewer cores.
    maxThreads: rest.maxThreads,
    logLevel: LlamaLogLevel.error,
    logger: (_level, message) => rest.onWarning(message.trim()),
  };
  if (gpu === false) return await openOnCpu(options, built);
  try {
    if (asked !== undefined) showOnlyGpu(asked);
    return await openOnGpu(options, gpu);
  } catch (error) {
    rest.onWarning(`llama.cpp does not start: ${errorMessage(error)}`);
    const trouble = { backend: built[0]!, asked, libraries: systemLibraries() };
    throw failed(driverSentence(trouble), error);
  }
}

async function openOnCpu(options: LlamaOptions, built: readonly string[]): Promise<Llama> {
  const folder = cpuBinaries();
  const [backend] = built;
  if (folder === undefined) {
    throw failed(
      backend === undefined
        ? "Cannot start llama.cpp: this build of llorch-candled has no binaries of this platform"
        : driverSentence({ backend, asked: "none", libraries: [] }),
    );
  }
  try {
    showNoGpu();
    return await openBuild(folder, options);
  } catch (error) {
    throw failed(`Cannot start llama.cpp on the CPU: ${errorMessage(error)}`, error);
  }
}

/** Opens llama.cpp on a GPU; without a device it would silently use the CPU, so that is checked. */
async function openOnGpu(options: LlamaOptions, gpu: GpuChoice): Promise<Llama> {
  const llama = await getLlama({
    ...options,
    ...{ gpu, build: "never", skipDownload: true, progressLogs: false },
  });
  if (llama.gpu !== false && (await llama.getGpuDeviceNames()).length > 0) return llama;
  await llama.dispose();
  throw new Error("It sees no GPU");
}

function failed(message: string, cause?: unknown): LlorchError {
  return new LlorchError("WORKER_START_FAILED", message, { cause });
}
