import { join } from "node:path";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { CONSTANTS, MTMD_FUNCTIONS } from "./abi.ts";
import { openStructProbe, structProblem } from "./check_abi.ts";
import { checkFiles } from "./check_files.ts";
import { openDependencies } from "./library.ts";
import { MEDIA_FILE } from "./library_files.ts";

/** Functions of libmtmd. */
export type Mtmd = Deno.DynamicLibrary<typeof MTMD_FUNCTIONS>["symbols"];

/** Defaults of libmtmd's parameters. Where a pointer is not null, its value is not known. */
const DEFAULTS = {
  use_gpu: true,
  device: null,
  print_timings: true,
  n_threads: 4,
  image_marker: null,
  flash_attn_type: CONSTANTS.LLAMA_FLASH_ATTN_TYPE_AUTO,
  warmup: true,
  image_min_tokens: -1,
  image_max_tokens: -1,
  cb_eval: null,
  cb_eval_user_data: null,
  batch_max_tokens: 1024,
  progress_callback: null,
  progress_callback_user_data: null,
} as const;

/**
 * Opens libmtmd, once its file and its interface are checked.
 *
 * @param folder Folder of libllama, which is open.
 * @param media Folder of libmtmd.
 * @throws {LlorchError} `WORKER_START_FAILED`
 */
export function openMediaLibrary(folder: string, media: string): Mtmd {
  checkFiles(media);
  const path = join(media, MEDIA_FILE);
  try {
    // It finds the libraries that it needs among the open ones, by their names.
    openDependencies(folder);
    const probe = openStructProbe(path, "mtmd_context_params", "mtmd_context_params_default");
    const problem = structProblem("mtmd_context_params", probe.bytes, probe.unwritten, DEFAULTS);
    if (problem !== undefined) throw new Error(problem);
    return Deno.dlopen(path, MTMD_FUNCTIONS).symbols;
  } catch (error) {
    if (error instanceof LlorchError) throw error;
    const message = `Cannot use libmtmd in ${media}: ${errorMessage(error)}`;
    throw new LlorchError("WORKER_START_FAILED", message, { cause: error });
  }
}
