import { join } from "node:path";
import { readLines } from "#shared/lines.ts";
import { writeRandomModel } from "../support/models.ts";
import { ROOT } from "../support/stack.ts";
import { type Bench, type Figure, median } from "./bench.ts";

/** Loads of each kind, taken in turns. */
const ROUNDS = 5;

const DROP_CACHES = "/proc/sys/vm/drop_caches";

/** How long a worker loads one model: from the disk, from the page cache, and from a copy in memory. */
export const stagedLoads: Bench = {
  title: "Loads of a 400 MB model on the CPU: cold, page cache, staged in /dev/shm",
  async measure() {
    const disk = await Deno.makeTempDir({ prefix: "llorch-bench-" });
    const memory = await Deno.makeTempDir({ dir: "/dev/shm", prefix: "llorch-bench-" });
    try {
      const source = join(disk, "random.gguf");
      writeRandomModel(source, {
        layers: 16,
        width: 1024,
        heads: 16,
        kvHeads: 8,
        feedForward: 2816,
        vocabulary: 8192,
        type: "F16",
      });
      const staged = join(memory, "random.gguf");
      await Deno.copyFile(source, staged);
      const { size } = await Deno.stat(source);
      const times: Record<"cold" | "cached" | "staged", number[]> = {
        cold: [],
        cached: [],
        staged: [],
      };
      for (let round = 0; round < ROUNDS; round++) {
        if (await dropCaches()) times.cold.push(await load(source));
        else await load(source);
        times.cached.push(await load(source));
        times.staged.push(await load(staged));
      }
      const figures: Figure[] = [{
        name: "size of the model",
        value: `${Math.round(size / 1e6)} MB`,
      }];
      const names = { cold: "cold disk", cached: "page cache", staged: "staged" };
      for (const key of ["cold", "cached", "staged"] as const) {
        figures.push({ name: `load, ${names[key]}`, value: summary(times[key]) });
      }
      return figures;
    } finally {
      await Deno.remove(disk, { recursive: true });
      await Deno.remove(memory, { recursive: true });
    }
  },
};

function summary(times: readonly number[]): string {
  if (times.length === 0) return "skipped: dropping the caches needs root";
  return `${median(times)} ms (${Math.min(...times)} to ${Math.max(...times)})`;
}

/** Empties the page cache, which only root may. */
async function dropCaches(): Promise<boolean> {
  await new Deno.Command("sync").output();
  try {
    await Deno.writeTextFile(DROP_CACHES, "3");
    return true;
  } catch {
    return false;
  }
}

/** Loads a model in a new worker, and returns the time that the worker reports, in ms. */
async function load(model: string): Promise<number> {
  const worker = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-q", "--no-prompt", "-P=llorch-candled", join(ROOT, "daemons/worker/main.ts")],
      ...["--model", model, "--standalone", "--port=0", "--gpu=none", "--threads=1"],
    ],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  try {
    for await (const line of readLines(worker.stdout)) {
      const { event, load_ms } = JSON.parse(line);
      if (event === "loaded") return load_ms;
    }
    throw new Error(`The worker did not load ${model}`);
  } finally {
    worker.kill("SIGKILL");
    await worker.status;
  }
}
