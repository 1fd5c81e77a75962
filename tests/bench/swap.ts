import { join } from "node:path";
import { writeRandomModel } from "../support/models.ts";
import { type Program, startCommand, until, within } from "../support/stack.ts";
import { delay } from "#shared/lifecycle.ts";
import { withService } from "../support/service.ts";
import { type Bench, type Figure, median } from "./bench.ts";
import { drain, installedRouter } from "./relay/peers.ts";
import { freePort, listens } from "./relay/proxies.ts";

const MODELS = ["alpha", "beta"] as const;

/** Swaps that are measured of each service, in turn. */
const SWAPS = 8;

/** Pause before each swap, in which the pool prepares a process for it. */
const REST_MS = 5_000;

/** Context of both services, in tokens. */
const CONTEXT = 4096;
const SLOTS = 4;
const THREADS = 1;

/** Room for one worker with either model, but not for two. */
const ROOM_BYTES = 500_000_000;

/** A service that swaps models when another one is requested. */
interface Swapper {
  readonly name: string;
  readonly url: string;
  /** Throws if the other model was not unloaded. */
  readonly check?: () => Promise<void>;
}

/** Time from a request for the model that is not loaded to the end of its answer of one token. */
export const modelSwap: Bench = {
  title:
    `Swap of models: A, B, A, … (random weights, about 100 MB each, page cache warm), one answer each, ` +
    `${SWAPS} swaps of each in turn, each after a rest of ${
      REST_MS / 1000
    } s, then without; daemons and workers as \`LLORCH_BIN_DIR\` has them, else from source`,
  async measure() {
    const dir = await Deno.makeTempDir({ prefix: "llorch-swap-" });
    const models = join(dir, "models");
    await Deno.mkdir(models);
    // Models with the same header and size would be the same model.
    for (const [index, name] of MODELS.entries()) {
      writeRandomModel(join(models, `${name}.gguf`), { ...SHAPE, vocabulary: 1024 + index });
    }
    try {
      return await measureIn(models);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
};

const SHAPE = {
  ...{ layers: 8, width: 512, heads: 8, kvHeads: 4, feedForward: 1408, context: CONTEXT },
} as const;

async function measureIn(models: string): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  const poolManagerd = [
    `worker.threads = ${THREADS}`,
    `worker.default_slots = ${SLOTS}`,
    `worker.default_context = ${CONTEXT}`,
    `devices.cpu_max_bytes = ${ROOM_BYTES}`,
  ].join("\n");
  await withService(models, async ({ orchestratord, workers }) => {
    const check = async () => {
      const there = (await workers()).filter(({ state }) => state === "ready");
      if (there.length !== 1) throw new Error(`${there.length} models are loaded: that is no swap`);
    };
    const ours = { name: "llorch", url: orchestratord.url, check };
    const router = await startRouter(models);
    try {
      const swappers = typeof router === "string" ? [ours] : [ours, router.swapper];
      await swaps(swappers, 4, 0);
      const rested = await swaps(swappers, SWAPS, REST_MS);
      const hurried = await swaps(swappers, SWAPS, 0);
      figures.push(...figuresOf("", rested), ...figuresOf(" without a rest", hurried));
      if (typeof router === "string") figures.push({ name: `the router is ${router}`, value: "" });
      else figures.push(ratioOf("", rested, true), ratioOf(" without a rest", hurried, false));
    } finally {
      if (typeof router !== "string") {
        router.program.kill("SIGTERM");
        await within(router.program.status, "the router has stopped");
      }
    }
  }, { poolManagerd });
  return figures;
}

/** Milliseconds of each swap, by service. */
async function swaps(
  swappers: readonly Swapper[],
  rounds: number,
  restMs: number,
): Promise<Map<string, number[]>> {
  const took = new Map(swappers.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const { name, url, check } of swappers) {
      await delay(restMs);
      const began = performance.now();
      await ask(url, MODELS[round % MODELS.length]!);
      took.get(name)!.push(performance.now() - began);
      await check?.();
    }
  }
  return took;
}

async function ask(url: string, model: string): Promise<void> {
  const reply = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model, prompt: "w1 w2", max_tokens: 1, temperature: 0 }),
    signal: AbortSignal.timeout(120_000),
  });
  const text = await reply.text();
  if (!reply.ok) throw new Error(`${url} answered ${reply.status}: ${text}`);
}

function figuresOf(how: string, took: ReadonlyMap<string, readonly number[]>): Figure[] {
  return [...took].map(([name, times]) => ({
    name: `${name}${how}: median, and range`,
    value: `${median(times).toFixed(0)} ms, ${Math.min(...times).toFixed(0)} to ${
      Math.max(...times).toFixed(0)
    } ms`,
  }));
}

/** The ratio of two medians, as a figure. */
function ratioOf(
  how: string,
  took: ReadonlyMap<string, readonly number[]>,
  hasTarget: boolean,
): Figure {
  const [ours = NaN, theirs = NaN] = [...took.values()].map(median);
  return {
    name: `llorch against llama-server's router${how}`,
    value: `${(ours / theirs).toFixed(2)} times`,
    ...(hasTarget ? { target: "at most 1.0", isMet: ours <= theirs } : {}),
  };
}

async function startRouter(
  models: string,
): Promise<{ swapper: Swapper; program: Program } | string> {
  const tool = installedRouter();
  if (!tool.isThere) return `not there: run ${tool.path} install (as root)`;
  const port = freePort();
  const program = startCommand(tool.path, [
    ...["inside", models, "llama-server", "--models-dir", "/mnt", "--models-max", "1"],
    ...["--host", "127.0.0.1", "--port", String(port), "--no-ui", "--parallel", String(SLOTS)],
    ...["--ctx-size", String(CONTEXT * SLOTS), "--threads", String(THREADS)],
  ]);
  void drain(program);
  await until("the router listens", () => listens(port));
  return { swapper: { name: "llama-server's router", url: `http://127.0.0.1:${port}` }, program };
}
