import { join } from "node:path";
import { loadMemory, workerRoutes } from "#shared/contracts/worker.ts";
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
/** Tokens of the prompts beside the one that fills its context, and of the scored prompt. */
const SHORT_PROMPT = 64;
const SCORED_PROMPT = 40;
/** Room that a prompt leaves for its answer, in tokens. */
const ROOM = 16;

interface Case {
  readonly name: string;
  readonly model: string;
  readonly context: number;
  readonly slots: number;
  readonly args?: readonly string[];
  readonly isEncoder?: boolean;
}

/** The models and settings; `make` writes the model. */
function cases(dir: string): Case[] {
  const smol = realModelPath("smollm2-135m-instruct-q4_1");
  const gemma = realModelPath("gemma-3-270m-q4_k_m");
  const made = (name: string, write: (path: string) => void) => {
    const path = join(dir, `${name}.gguf`);
    write(path);
    return path;
  };
  const dense = { layers: 8, width: 512, heads: 8, kvHeads: 4, feedForward: 1_536 } as const;
  const f16 = made("f16", (path) => {
    writeRandomModel(path, { ...dense, vocabulary: 16_384, context: 32_768, type: "F16" });
  });
  const q4 = made("q4_0", (path) => {
    writeRandomModel(path, { ...dense, vocabulary: 32_768, context: 32_768, type: "Q4_0" });
  });
  const moe = made("moe", (path) => writeMoeModel(path, { width: 256, feedForward: 512, experts: 16, vocabulary: 4_096, context: 8_192 }));
  const hybrid = made("hybrid", (path) => writeHybridModel(path, { width: 256, vocabulary: 4_096, context: 8_192 }));
  const mamba = made("recurrent", (path) => writeRecurrentModel(path, { width: 512, vocabulary: 4_096, context: 8_192 }));
  const encoder = made("encoder", (path) => writeEncoderModel(path, { purpose: "embed", width: 256, context: 2_048 }));
  return [
    { name: "tiny 1", model: counterModel(), context: 2_048, slots: 1 },
    { name: "tiny 8", model: counterModel(), context: 512, slots: 8 },
    { name: "SmolLM2", model: smol, context: 640, slots: 4 },
    { name: "SmolLM2, cache q8_0", model: smol, context: 640, slots: 1, args: ["--flash-attention=on", "--cache-type-k=q8_0", "--cache-type-v=q8_0"] },
    { name: "SmolLM2, batch 2048", model: smol, context: 2_080, slots: 4, args: ["--batch-size=2048"] },
    { name: "SmolLM2, lookup", model: smol, context: 768, slots: 2, args: ["--speculative=lookup"] },
    { name: "SmolLM2, drafted by itself", model: smol, context: 768, slots: 2, args: ["--speculative=draft", `--draft-model=${smol}`] },
    { name: "SmolLM2, no mmap", model: smol, context: 768, slots: 1, args: ["--no-mmap"] },
    { name: "Gemma 3", model: gemma, context: 640, slots: 4 },
    { name: "Gemma 3, no flash attention", model: gemma, context: 768, slots: 2, args: ["--flash-attention=off"] },
    { name: "Gemma 3, no mmap", model: gemma, context: 512, slots: 1, args: ["--no-mmap"] },
    { name: "random F16", model: f16, context: 4_096, slots: 2 },
    { name: "random Q4_0", model: q4, context: 4_096, slots: 16 },
    { name: "random Q4_0, no mmap", model: q4, context: 4_096, slots: 2, args: ["--no-mmap"] },
    { name: "experts", model: moe, context: 4_096, slots: 4 },
    { name: "short convolutions", model: hybrid, context: 4_096, slots: 4 },
    { name: "recurrent", model: mamba, context: 4_096, slots: 16 },
    { name: "encoder", model: encoder, context: 2_048, slots: 1, isEncoder: true },
  ];
}

/** The engine's estimate of a load against the most memory that it really takes, over an idle worker. */
export const loadMemoryBench: Bench = {
  title: "memory of a load over an idle worker: estimate by llama.cpp, and the peak",
  ...(whyNoRealModels() === undefined ? {} : { skipped: whyNoRealModels()! }),
  async measure() {
    const dir = await Deno.makeTempDir({ prefix: "llorch-bench-" });
    const only = Deno.env.get("CASES");
    try {
      const idle = await peakOf({ name: "idle", model: counterModel(), context: 64, slots: 1 }, async () => {});
      const figures: Figure[] = [{ name: "idle worker", value: mib(idle) }];
      for (const each of cases(dir)) {
        if (only && !new RegExp(only).test(each.name)) continue;
        const { estimate, parts, ms } = await estimateOf(each);
        const peak = await peakOf(each, (worker) => useAll(each, worker)) - idle;
        const over = estimate - idle - peak;
        const most = Math.max(SHARE * peak, LEAST_BYTES);
        console.log(JSON.stringify({ name: each.name, idle: mib(idle), estimate: mib(estimate-idle), peak: mib(peak), over: mib(over), pct: (100*over/peak).toFixed(1), ms, parts: Object.fromEntries(Object.entries(parts).map(([k, v]) => [k, +(v / MIB).toFixed(1)])) }));
        figures.push({
          name: each.name,
          value: `${mib(estimate - idle)} for ${mib(peak)}: ${over < 0 ? "" : "+"}${mib(over)}`,
          target: `from 0 to ${mib(most)}`,
          isMet: over >= 0 && over <= most,
        });
      }
      return figures;
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
};

function argsOf({ context, slots, args = [] }: Case): string[] {
  return [`--context=${context}`, `--slots=${slots}`, "--threads=1", ...args];
}

async function estimateOf(each: Case): Promise<{ estimate: number; parts: Record<string, number>; ms: number }> {
  const args = [`--model=${each.model}`, "--estimate", "--gpu=none", ...argsOf(each)];
  const began = performance.now();
  const { code, out, err } = await runExecutable("llorch-candled", args);
  if (code !== 0) throw new Error(`${each.name}: ${err}`);
  const { device_bytes, parts } = loadMemory.parse(JSON.parse(out));
  return { estimate: device_bytes, parts, ms: Math.round(performance.now() - began) };
}

/** The most memory that a worker ever had, in bytes. */
async function peakOf(each: Case, use: (worker: WorkerProcess) => Promise<void>): Promise<number> {
  const worker = await startWorker(each.model, argsOf(each));
  try {
    await whenReady(worker.client);
    await use(worker);
    const status = await Deno.readTextFile(`/proc/${worker.program.pid}/status`);
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  } finally {
    worker.program.kill("SIGKILL");
    await worker.program.status;
  }
}

/** Fills a context, all slots with more than a batch, and reads rows of odds. */
async function useAll({ context, slots, isEncoder }: Case, worker: WorkerProcess): Promise<void> {
  if (isEncoder) {
    const input = Array.from({ length: 4 }, () => Array(context - ROOM).fill(300));
    await worker.client.call(workerRoutes.embed, { body: { input } as never });
    return;
  }
  const ask = async (job: number, length: number, fields: Record<string, unknown>) => {
    const prompt_tokens = Array.from({ length }, (_, at) => 280 + (at * 7 + job) % 500);
    for await (const { event, data } of worker.ask({ job_id: `job-${job}`, prompt: undefined, prompt_tokens, max_tokens: 8, ...fields })) {
      if (event === "error") throw new Error(JSON.stringify(data));
    }
  };
  const short = Math.min(SHORT_PROMPT, context - ROOM);
  await ask(0, context - ROOM, {});
  await Promise.all(
    Array.from({ length: slots }, (_, slot) => ask(1 + slot, short, { top_p: 0.9, temperature: 1 })),
  );
  await Promise.all(
    Array.from(
      { length: slots },
      (_, slot) => ask(100 + slot, Math.min(SCORED_PROMPT, short), { prompt_logprobs: 5 }),
    ),
  );
}

function mib(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}
