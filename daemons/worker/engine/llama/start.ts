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

/** What {@linkcode startLlama} is told. */
export interface StartOptions {
  /** Number of a GPU, `none` for the CPU; undefined takes the build's own backend. */
  readonly gpu: string | undefined;
  /** Most threads that will be used at once. */
  readonly maxThreads: number;
  /** Called with what llama.cpp has to say. */
  readonly onWarning: (message: string) => void;
}

/**
 * Starts llama.cpp where it is to compute, and nowhere else.
 *
 * @throws {LlorchError} `WORKER_START_FAILED` that says what is missing and what to do.
 */
export async function startLlama({ gpu: asked, ...rest }: StartOptions): Promise<Llama> {
  const built = builtGpuBackends();
  const gpu = chooseGpu(asked, built);
  const options: LlamaOptions = {
    // Its own default is at least 4, which on fewer cores is 500 times slower.
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

/** A driver without a device is no error to llama.cpp, which would take the CPU. */
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
