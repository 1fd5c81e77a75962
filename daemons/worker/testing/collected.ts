/**
 * Runs requests of all kinds and prints what comes out. With `collect` as its argument, garbage is collected
 * in both threads between all steps: what C still uses, but JavaScript does not keep, is gone then.
 *
 * @module
 */
import { join } from "node:path";
import {
  counterModel,
  writeCounterAdapter,
  writeRandomModel,
} from "../../../tests/support/models.ts";
import type { EngineSequence, Generation } from "../engine/engine.ts";
import { idsOf, outline } from "./generator.ts";
import { logprobsOf, type Opened, type Options, using } from "./llama.ts";
import { DEMO_MODEL } from "./worker.ts";

type Fields = Readonly<Record<string, unknown>>;

const collects = Deno.args[0] === "collect";
const { gc } = globalThis as unknown as { gc(): void };
if (collects) collectInThreads();

const folder = await Deno.makeTempDir();
try {
  await run(counterModel(), { slots: 5, context: 256, adapters: adapter() }, [
    { prompt: " w1" },
    { prompt: " w5", lora: "skip" },
    { prompt: " w9", grammar: 'root ::= (" w" [0-9]+)+', temperature: 0.5 },
    { prompt: " w30", logit_bias: { "300": 3, "301": -100 }, frequency_penalty: 0.1 },
    { prompt: " w40", logprobs: 3, post_sampling_probs: true, repetition_penalty: 1.05 },
  ], "together");
  await run(counterModel(), { context: 256, settings: { speculative: "lookup" } }, [
    { prompt: " w1 w2 w3 w1 w2" },
  ]);
  const sampled = { temperature: 0.9, seed: 3, messages: [{ role: "user", content: "A fox" }] };
  await run(DEMO_MODEL, { settings: { speculative: "draft", draft_model: DEMO_MODEL } }, [
    { ...sampled, repetition_penalty: 1.2, presence_penalty: 0.2 },
    { ...sampled, dry_multiplier: 1, xtc_probability: 0.5, typical_p: 0.9, min_tokens: 3 },
    { ...sampled, mirostat: 1 },
    { ...sampled, json_schema: { type: "object", properties: { a: { enum: [1, "b"] } } } },
    { ...sampled, logprobs: 2, top_k: 20, top_p: 0.9, min_p: 0.01 },
    { prompt: "A fox and", prompt_logprobs: 1, temperature: 0.9, seed: 3 },
  ]);
  const random = join(folder, "random.gguf");
  writeRandomModel(random, { layers: 1 });
  await using(random, {}, async ({ engine }) => {
    for (const text of ["w1 w2", "w3"]) {
      const { vector } = await engine.embed(text);
      if (collects) gc();
      console.log(JSON.stringify([...vector.slice(0, 4)]));
    }
  });
} finally {
  await Deno.remove(folder, { recursive: true });
}

/** Runs requests in turn or together, and saves and restores a slot after them. */
async function run(
  model: string,
  options: Options,
  requests: readonly Fields[],
  when: "in turn" | "together" = "in turn",
): Promise<void> {
  await using(model, options, async ({ engine, generate }) => {
    if (collects) engine.sequences.forEach(collectInSteps);
    const ask = async (fields: Fields) => await said(generate, fields);
    const all: unknown[] = [];
    if (when === "together") all.push(...await Promise.all(requests.map(ask)));
    else for (const fields of requests) all.push(await ask(fields));
    const mark = new Uint32Array([1, 2, 3, 4]);
    const [slot] = engine.sequences;
    const path = join(folder, "slot.bin");
    all.push(await slot!.save(path, mark), await slot!.restore(path, mark));
    console.log(JSON.stringify(all));
  });
}

async function said(generate: Opened["generate"], fields: Fields): Promise<unknown> {
  const events = await generate({ max_tokens: 10, ...fields });
  return [idsOf(events), outline(events).at(-1), logprobsOf(events)];
}

function adapter(): Record<string, string> {
  const path = join(folder, "skip.gguf");
  writeCounterAdapter(path, { from: 7, to: 100 });
  return { skip: path };
}

/** Lets threads of llama.cpp be {@linkcode collecting_thread.ts}. */
function collectInThreads(): void {
  const Real = globalThis.Worker;
  globalThis.Worker = class extends Real {
    constructor(_url: string | URL, options?: WorkerOptions) {
      super(new URL("./collecting_thread.ts", import.meta.url), options);
    }
  };
}

/** Collects while each step of a sequence is computed. */
function collectInSteps(sequence: EngineSequence): void {
  const { prefill, generate } = sequence;
  sequence.prefill = async (...args) => {
    const done = prefill.apply(sequence, args);
    gc();
    await done;
  };
  sequence.generate = (...args): Generation => {
    const generation = generate.apply(sequence, args);
    return {
      async next(wantsMore) {
        const chosen = generation.next(wantsMore);
        gc();
        return await chosen;
      },
      close: () => generation.close(),
    };
  };
}
