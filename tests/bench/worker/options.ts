import { parseArgs } from "node:util";
import { UsageError } from "#shared/lifecycle.ts";
import { benchShape, isFile } from "./model.ts";

/** Options of the worker's bench. */
export interface WorkerBenchOptions {
  /** Program of the llama-server that is measured in turn, or `llama-server` for Debian's. */
  readonly peer: string | undefined;
  /** Name of a model that is made, or the path of a GGUF file. */
  readonly model: string;
  readonly rounds: number;
  readonly threads: number;
  /** Number of a GPU; undefined: the CPU. */
  readonly gpu: string | undefined;
  /** More flags of our worker. */
  readonly ownFlags: readonly string[];
}

/** The llama-server that `tests/support/peer-llama-server` installs. */
export const DEBIANS = "llama-server";

/** The usage line. */
export const USAGE =
  "deno task bench worker [--vs llama-server|PATH] [--model random:0.17B-q4|PATH] " +
  "[--rounds 5] [--threads N] [--gpu N] [-- FLAGS OF THE WORKER]";

/**
 * Reads the arguments of the worker's bench.
 *
 * @throws {UsageError} with one line about the wrong argument
 */
export function readWorkerBench(args: readonly string[]): WorkerBenchOptions {
  const { values, positionals } = parse(args);
  if (values.help) throw new UsageError(USAGE);
  const { vs, model = "random:0.17B-q4", rounds = "5", threads, gpu } = values;
  if (vs !== undefined && vs !== DEBIANS && !vs.includes("/")) {
    throw new UsageError(
      `--vs: must be ${DEBIANS} or the path of one: current value is ${vs}`,
    );
  }
  if (vs === DEBIANS && gpu !== undefined) {
    throw new UsageError(
      "--vs: Debian's llama-server computes on the CPU: leave --gpu or --vs out",
    );
  }
  if (gpu !== undefined && !/^\d{1,3}$/.test(gpu)) {
    throw new UsageError(`--gpu: must be the number of a GPU: current value is ${gpu}`);
  }
  if (!isFile(model)) benchShape(model);
  return {
    peer: vs,
    model,
    rounds: wholeNumber("rounds", rounds, 1_000),
    threads: wholeNumber("threads", threads ?? String(DEFAULT_THREADS), 1_024),
    gpu,
    ownFlags: positionals,
  };
}

const DEFAULT_THREADS = Math.max(1, navigator.hardwareConcurrency - 1);

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        vs: { type: "string" },
        model: { type: "string" },
        rounds: { type: "string" },
        threads: { type: "string" },
        gpu: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split(". ")[0]}: ${USAGE}`, { cause: error });
  }
}

function wholeNumber(name: string, text: string, most: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= most) return value;
  throw new UsageError(`--${name}: must be a number from 1 to ${most}: current value is ${text}`);
}
