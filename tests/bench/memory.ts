import { join } from "node:path";
import { loadMemory, workerRoutes } from "#shared/contracts/worker.ts";
import { forLlama } from "#shared/for_llama.ts";
import { DEFAULT_BATCH } from "../../daemons/worker/engine/engine.ts";
import { startWorker, type WorkerProcess } from "../../daemons/worker/testing/process.ts";
import { whenReady } from "../../daemons/worker/testing/worker.ts";
import { writeHybridModel, writeMoeModel, writeRecurrentModel } from "../support/arch_models.ts";
import { writeEncoderModel } from "../support/encoder_model.ts";
import { counterModel, writeRandomModel } from "../support/models.ts";
import { realModelPath, whyNoRealModels } from "../support/real_models.ts";
import { runExecutable } from "../support/service.ts";
import type { Bench, Figure } from "./bench.ts";

/** Most that an estimate may be above the peak: a share of it, and at least this much. */
const SHARE = 0.05;
const LEAST_BYTES = 16 * 2 ** 20;

const MIB = 2 ** 20;
/** Tokens of scored prompts, and of those of all slots at once, which are worth a checkpoint. */
const SCORED_PROMPT = 40;
const SHORT_PROMPT = 24;
/** Requests of each kind to each slot in a round of use. */
const ROUND = 2;
/**
 * Heaps grow with use: a load has had its peak once this many rounds of use in a row have added no more
 * than this to it.
 */
const STEADY_ROUNDS = 3;
const STEADY_BYTES = MIB / 4;
const MOST_ROUNDS = 40;
/** Room that a prompt leaves for its answer, in tokens. */
const ROOM = 16;
/** Ids of words, which every model here has. */
const WORDS = { from: 280, count: 90 };

/** Words in front of a worker's command that start it as a pool manager does, with the heap that it gets. */
const PREPARED: readonly string[] = prepared();

function prepared(): string[] {
  const { command, args } = forLlama({ command: "", args: [] });
  return [command, ...args].filter((word) => word !== "");
}

/** A load to estimate and to measure. */
interface Case {
  readonly name: string;
  readonly model: string;
  readonly context: number;
  readonly slots: number;
  readonly args?: readonly string[];
  /** Whether it only computes vectors. */
  readonly isEncoder?: boolean;
}

/** Writes the models that are not fetched, and lists all cases. */
function cases(dir: string): Case[] {
  const made = (name: string, write: (path: string) => void) => {
    const path = join(dir, `${name}.gguf`);
    write(path);
    return path;
  };
  const smol = realModelPath("smollm2-135m-instruct-q4_1");
  const gemma = realModelPath("gemma-3-270m-q4_k_m");
  const dense = {
    ...{ layers: 8, width: 512, heads: 8, kvHeads: 4, feedForward: 1_536 },
    context: 32_768,
  };
  const f16 = made("f16", (path) => {
    writeRandomModel(path, { ...dense, vocabulary: 16_384, type: "F16" });
  });
  const q4 = made("q4_0", (path) => {
    writeRandomModel(path, { ...dense, vocabulary: 32_768, type: "Q4_0" });
  });
  const small = { vocabulary: 4_096, context: 8_192 };
  const experts = made("experts", (path) => {
    writeMoeModel(path, { ...small, width: 256, feedForward: 512, experts: 16 });
  });
  const hybrid = made("hybrid", (path) => writeHybridModel(path, { ...small, width: 256 }));
  const recurrent = made("recurrent", (path) => {
    writeRecurrentModel(path, { ...small, width: 512 });
  });
  const encoder = made("encoder", (path) => {
    writeEncoderModel(path, { purpose: "embed", width: 256, context: 2_048 });
  });
  const q8 = ["--flash-attention=on", "--cache-type-k=q8_0", "--cache-type-v=q8_0"];
  const draft = ["--speculative=draft", `--draft-model=${smol}`];
  return [
    { name: "SmolLM2", model: smol, context: 384, slots: 4 },
    { name: "SmolLM2, q8_0 cache", model: smol, context: 384, slots: 1, args: q8 },
    {
      name: "SmolLM2, --batch-size 1024",
      ...{ model: smol, context: 1_056, slots: 4 },
      args: ["--batch-size=1024"],
    },
    {
      name: "SmolLM2, lookup",
      ...{ model: smol, context: 384, slots: 2 },
      args: ["--speculative=lookup"],
    },
    { name: "SmolLM2 and a draft model", model: smol, context: 384, slots: 2, args: draft },
    { name: "SmolLM2, --no-mmap", ...{ model: smol, context: 384, slots: 1 }, args: ["--no-mmap"] },
    { name: "Gemma 3", model: gemma, context: 384, slots: 4 },
    {
      name: "Gemma 3, no flash attention",
      ...{ model: gemma, context: 384, slots: 2 },
      args: ["--flash-attention=off"],
    },
    {
      name: "Gemma 3, --no-mmap",
      ...{ model: gemma, context: 512, slots: 1 },
      args: ["--no-mmap"],
    },
    { name: "dense, F16", model: f16, context: 4_096, slots: 2 },
    { name: "dense, Q4_0", model: q4, context: 4_096, slots: 16 },
    {
      name: "dense, Q4_0, --no-mmap",
      ...{ model: q4, context: 4_096, slots: 2 },
      args: ["--no-mmap"],
    },
    { name: "experts", model: experts, context: 4_096, slots: 4 },
    { name: "short convolutions", model: hybrid, context: 4_096, slots: 4 },
    { name: "recurrent", model: recurrent, context: 4_096, slots: 16 },
    { name: "encoder", model: encoder, context: 2_048, slots: 1, isEncoder: true },
  ];
}

/**
 * What the engine says of loads, against the most memory that they really take: over an idle worker, once
 * a context was full, rows of odds were read, and all slots were used until that took no more.
 */
export const loadMemoryBench: Bench = {
  title: "memory of a load over an idle worker: llama.cpp's estimate, and the peak",
  ...(whyNoRealModels() === undefined ? {} : { skipped: whyNoRealModels()! }),
  async measure() {
    const dir = await Deno.makeTempDir({ prefix: "llorch-bench-" });
    const tiny = { name: "tiny model", model: counterModel(), context: 2_048, slots: 1 };
    try {
      const idle = await idlePeak({ ...tiny, context: 64 });
      const figures: Figure[] = [
        { name: "idle worker", value: mib(idle) },
        {
          name: "a worker with a tiny model, over the process that estimates it",
          value: mib(await peakOf(tiny) - await processOf(tiny)),
        },
      ];
      const all = cases(dir);
      for (const each of all) {
        const estimate = (await estimateOf(each)).device_bytes - idle;
        const peak = await peakOf(each) - idle;
        const over = estimate - peak;
        const most = Math.max(SHARE * peak, LEAST_BYTES);
        figures.push({
          name: `${each.name}, ${each.slots} × ${each.context}`,
          value: `${mib(estimate)} for ${mib(peak)}: ${over < 0 ? "" : "+"}${mib(over)}`,
          target: `0 to ${mib(most)} over`,
          isMet: over >= 0 && over <= most,
        });
        const { name, value } = figures.at(-1)!;
        console.log(`  ${figures.length - 2} of ${all.length}, ${name}: ${value}`);
      }
      return figures;
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
};

/** One thread: more of them change no memory, and wait for each other on a busy machine. */
function argsOf({ context, slots, args = [] }: Case): string[] {
  // States beside the slots take their bound once enough prompts have come; the estimate has all of it.
  return [`--context=${context}`, `--slots=${slots}`, "--threads=1", "--cache-mib=0", ...args];
}

async function estimateOf(each: Case): Promise<ReturnType<typeof loadMemory.parse>> {
  const args = [`--model=${each.model}`, "--estimate", "--gpu=none", ...argsOf(each)];
  const { code, out, err } = await runExecutable("llorch-candled", args, {}, PREPARED);
  if (code !== 0) throw new Error(`${each.name}: ${err}`);
  return loadMemory.parse(JSON.parse(out));
}

/** Memory of the process that estimates. */
async function processOf(each: Case): Promise<number> {
  const { device_bytes, parts } = await estimateOf(each);
  return device_bytes - parts["serving"]!;
}

/** The most memory that a worker had that was not used, in bytes. */
async function idlePeak(each: Case): Promise<number> {
  return await withLoad(each, peakSoFar);
}

/** The most memory that a worker had while it was used until that took no more, in bytes. */
async function peakOf(each: Case): Promise<number> {
  return await withLoad(each, async (worker) => {
    let peak = await peakSoFar(worker);
    let steady = 0;
    const use = await useAll(each, worker);
    for (let round = 0; steady < STEADY_ROUNDS; round++) {
      if (round === MOST_ROUNDS) throw new Error(`${each.name}: its memory grows for ever`);
      await use();
      const next = await peakSoFar(worker);
      steady = next - peak > STEADY_BYTES ? 0 : steady + 1;
      peak = next;
    }
    return peak;
  });
}

async function withLoad<T>(each: Case, use: (worker: WorkerProcess) => Promise<T>): Promise<T> {
  const worker = await startWorker(each.model, argsOf(each), PREPARED);
  try {
    await whenReady(worker.client);
    return await use(worker);
  } finally {
    worker.program.kill("SIGKILL");
    await worker.program.status;
  }
}

async function peakSoFar({ program }: WorkerProcess): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${program.pid}/status`);
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/**
 * Fills a context, then reads rows of odds in all slots.
 *
 * @returns what uses all slots in short requests
 */
async function useAll(
  { context, slots, isEncoder }: Case,
  { client, ask }: WorkerProcess,
): Promise<() => Promise<void>> {
  const whole = context - ROOM;
  let jobs = 0;
  if (isEncoder) {
    const embed = (length: number) => {
      const input = Array.from({ length: 4 }, () => tokens(length, jobs++));
      return client.call(workerRoutes.embed, { body: { input } });
    };
    await embed(whole);
    return async () => {
      for (let at = 0; at < ROUND; at++) await embed(SHORT_PROMPT);
    };
  }
  const run = async (length: number, fields: Record<string, unknown>) => {
    const job_id = `job-${jobs++}`;
    const body = { job_id, prompt: undefined, prompt_tokens: tokens(length, jobs), max_tokens: 8 };
    for await (const { event, data } of ask({ ...body, ...fields })) {
      if (event === "error") throw new Error(JSON.stringify(data));
    }
  };
  const inAll = (length: number, fields: Record<string, unknown>) =>
    Promise.all(Array.from({ length: slots }, () => run(Math.min(length, whole), fields)));
  await run(whole, {});
  // Shorter prompts than a batch fill it together.
  const most = Math.min(slots, Math.ceil(DEFAULT_BATCH / whole));
  await Promise.all(Array.from({ length: most }, () => run(whole, {})));
  // Alone it gets all rows of a batch.
  await run(Math.min(SCORED_PROMPT, whole), { prompt_logprobs: 5 });
  await inAll(SCORED_PROMPT, { prompt_logprobs: 5 });
  return async () => {
    for (let at = 0; at < ROUND; at++) {
      await inAll(SHORT_PROMPT, { top_p: 0.9, temperature: 1 });
      // Its candidates have room of their own.
      await inAll(SHORT_PROMPT, { logprobs: 5, post_sampling_probs: true });
    }
  };
}

/** Ids of words; different ones for each seed. */
function tokens(length: number, seed: number): number[] {
  return Array.from({ length }, (_, at) => WORDS.from + (at * 7 + seed) % WORDS.count);
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
