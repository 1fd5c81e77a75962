import type { Device } from "#shared/contracts/pool.ts";
import { errorMessage } from "#shared/errors.ts";
import type { Logger } from "#shared/logging.ts";

const MIB = 1024 * 1024;
/** A driver that hangs must not hang the heartbeat. */
const TIMEOUT_MS = 5_000;

const QUERY = [
  "--query-gpu=index,name,memory.total,memory.free",
  "--format=csv,noheader,nounits",
];

/** The GPUs that `nvidia-smi` lists; none where it is absent, fails or says what we cannot read. */
export async function nvidiaDevices(
  log: Logger,
  run: () => Promise<string | undefined> = runNvidiaSmi,
): Promise<Device[]> {
  try {
    const text = await run();
    return text === undefined ? [] : parseNvidiaSmi(text);
  } catch (error) {
    log.warn("gpu_query_failed", { error: errorMessage(error) });
    return [];
  }
}

/**
 * Reads what {@linkcode QUERY} prints: one GPU a line, sizes in MiB.
 *
 * @throws {RangeError} naming the first line that is something else.
 */
export function parseNvidiaSmi(text: string): Device[] {
  return text.split("\n").filter((line) => line.trim() !== "").map((line) => {
    const [, index, name, total, free] = /^\s*(\d+),\s*(.+),\s*(\d+),\s*(\d+)\s*$/.exec(line) ?? [];
    if (name === undefined) {
      throw new RangeError(`Cannot read the line of nvidia-smi: "${line.slice(0, 200)}"`);
    }
    return {
      id: `cuda${index}`,
      kind: "cuda" as const,
      name,
      total_bytes: Number(total) * MIB,
      free_bytes: Number(free) * MIB,
    };
  });
}

/** Runs `nvidia-smi`; undefined where there is none. */
async function runNvidiaSmi(): Promise<string | undefined> {
  const deadline = AbortSignal.timeout(TIMEOUT_MS);
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command("nvidia-smi", {
      args: QUERY,
      stdin: "null",
      signal: deadline,
    }).output();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (deadline.aborted) throw new Error(`nvidia-smi did not answer within ${TIMEOUT_MS} ms`);
  if (!output.success) {
    const reason = decode(output.stdout) || decode(output.stderr);
    throw new Error(`nvidia-smi ended with code ${output.code}: ${reason.slice(0, 200)}`);
  }
  return decode(output.stdout);
}
