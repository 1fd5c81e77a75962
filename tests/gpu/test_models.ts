/**
 * The models of the GPU check: random weights, made where they are used.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { benchModel } from "../bench/worker/model.ts";
import { writeMoeModel } from "../support/arch_models.ts";
import type { ArchModelOptions } from "../support/arch_models.ts";
import type { StepContext } from "./finding.ts";

/** Names for `tests/bench/worker/model.ts`. */
export function modelNames(onCpu: boolean): { readonly random: string; readonly counter: string } {
  return onCpu
    ? { random: "random:0.02B-q4", counter: "counter:0.02B-q4" }
    : { random: "random:1.1B-q4", counter: "counter:0.17B-q4" };
}

/** A mixture whose experts take most of its memory: 900 MiB on a card, 12 MiB on the CPU. */
const MOE: ArchModelOptions & { readonly experts: number } = {
  ...{ layers: 6, width: 512, heads: 8, kvHeads: 4, feedForward: 1024, experts: 24, context: 4096 },
};
const SMALL_MOE = { ...MOE, layers: 2, width: 128, feedForward: 256, experts: 16 };

/** Paths of the models, each alone in a folder; made unless they are there. */
export function testModels({ onCpu, work }: Pick<StepContext, "onCpu" | "work">) {
  const names = modelNames(onCpu);
  const folder = (name: string, made: (path: string) => void): string => {
    const own = join(work, "models", name);
    const path = join(own, `${name}.gguf`);
    if (existsSync(path)) return path;
    Deno.mkdirSync(own, { recursive: true });
    made(path);
    return path;
  };
  const fromBench = (name: string) => (path: string) => Deno.linkSync(benchModel(name).path, path);
  return {
    random: folder("random", fromBench(names.random)),
    counter: folder("counter", fromBench(names.counter)),
    moe: folder("moe", (path) => {
      writeMoeModel(`${path}.part`, onCpu ? SMALL_MOE : MOE);
      Deno.renameSync(`${path}.part`, path);
    }),
  };
}
