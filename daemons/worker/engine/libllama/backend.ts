import { LlorchError } from "#shared/errors.ts";

/**
 * Whether a model is loaded on a GPU. Only a build without GPU backends uses the CPU by default: a GPU
 * build without a GPU must fail, since a model on the CPU would be far too slow.
 *
 * @param asked The `--gpu` flag.
 * @param built GPU backends of this build.
 * @throws {LlorchError} `WORKER_START_FAILED` if this build cannot use the requested GPU
 */
export function usesGpu(asked: string | undefined, built: readonly string[]): boolean {
  if (asked === "none") return false;
  if (built.length > 0) return true;
  if (asked === undefined) return false;
  throw new LlorchError(
    "WORKER_START_FAILED",
    `Cannot use GPU ${asked}: this build of llorch-candled has only the CPU backend; ` +
      "build one with `llorch build worker <backend>`, or give --gpu none",
  );
}

/**
 * Hides all GPUs but some from the backend, numbered as their makers' tools do. Must be called before
 * the backend is loaded.
 *
 * @param numbers The `--gpu` flag: `0`, or `0,1`.
 */
export function showOnlyGpus(numbers: string): void {
  Deno.env.set("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
  for (
    const name of [
      "CUDA_VISIBLE_DEVICES",
      "HIP_VISIBLE_DEVICES",
      "GGML_VK_VISIBLE_DEVICES",
    ]
  ) {
    Deno.env.set(name, numbers);
  }
}

/** Hides all GPUs from a CUDA build that uses the CPU. Must be called before it is loaded. */
export function showNoGpu(): void {
  Deno.env.set("CUDA_VISIBLE_DEVICES", "-1");
}
