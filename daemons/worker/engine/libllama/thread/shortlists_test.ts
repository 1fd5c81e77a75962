import assert from "node:assert/strict";
import { join } from "node:path";
import { writeRandomModel } from "../../../../../tests/support/models.ts";
import { endOf, using } from "../../../testing/llama.ts";
import { request, textOf } from "../../../testing/generator.ts";
import { cpuBinaries } from "../c/carried.ts";
import { createChain } from "../chain.ts";
import { samplingPlan } from "../sampling_plan.ts";
import { addressOf, cString } from "../c/c_values.ts";
import { loadBackends, openLibrary } from "../c/library.ts";
import { nativeFunctions } from "../c/native_functions.ts";
import { Vocabulary } from "../vocabulary.ts";
import { Context, type ContextParts } from "./context.ts";
import type { ChooseOrder, ContextOrder } from "./messages.ts";
import { modelParams } from "./model_params.ts";
import { SHORTLIST, Shortlists } from "./shortlists.ts";

async function withModel(body: (path: string) => Promise<void> | void): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    const path = join(dir, "model.gguf");
    writeRandomModel(path);
    await body(path);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Opens a model in this thread. */
function open(path: string) {
  const library = openLibrary(cpuBinaries()!);
  const { llama } = library;
  llama.llama_log_set(nativeFunctions().nothing, null);
  llama.llama_backend_init();
  loadBackends(library, true);
  const { params } = modelParams(library, {
    ...{ path, devices: [], gpuLayers: undefined, split: "layer", ratio: [], overrides: [] },
    ...{ mapsFile: true, locksMemory: false, drafts: false },
  }, 0);
  const model = llama.llama_model_load_from_file(cString(path), params);
  const vocabulary = new Vocabulary(llama, addressOf(llama.llama_model_get_vocab(model)));
  const order: ContextOrder = {
    ...{ model: addressOf(model), sequences: 2, contextPerSequence: 256, batchSize: 64 },
    ...{ outputs: 8, threads: 1, flashAttention: 0, keyType: undefined, valueType: undefined },
    ...{ shortlists: true, holdsAll: false, window: 0, rollback: 0, drafts: 0 },
  };
  return { llama, model, vocabulary, order };
}

Deno.test("a shortlist has the most probable tokens, and is chosen from without other logits", () =>
  withModel((path) => {
    const { llama, model, vocabulary, order } = open(path);
    let reads = 0;
    let pointer: Deno.PointerValue = null;
    const counting: ContextParts["llama"] = {
      ...llama,
      llama_get_logits_ith: (context, row) => {
        reads++;
        pointer = context;
        return llama.llama_get_logits_ith(context, row);
      },
    };
    const abort = { callback: null, data: null };
    const parts = {
      ...{ llama: counting, vocabularySize: vocabulary.size, ends: new Set<number>(), abort },
      ...{ onGrammar() {}, width: 0, draftFunctions: undefined },
    };
    const context = new Context(parts, order);
    const usual = { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05 };
    const { before } = samplingPlan(request(usual), 256);
    const chain = createChain(llama, vocabulary, { biases: [], parts: before, dry: null });
    const choose = (changes: Partial<ChooseOrder>): ChooseOrder => ({
      ...{ chain: addressOf(chain), seeds: [7], remembers: false, grammar: 0, isLazy: false },
      ...{ after: 0, draws: true, stops: [] },
      ...{ guessed: [], odds: undefined, isPostSampling: false, fromShortlist: true, ...changes },
    });
    const step = (sequence: number, position: number, token: number, changes = {}) => {
      const part = { sequence, position, tokens: [token], outputs: 1, adapter: 0 };
      const [result] = context.step({
        ...{ context: 0, cuts: [], forget: [], threads: 1 },
        parts: [{ ...part, choose: choose(changes) }],
      });
      assert.ok(result && "choices" in result, JSON.stringify(result));
      return result.choices[0];
    };
    // The same seeds after the same tokens, in a sequence with shortlists and in one without.
    let token = 300;
    for (let position = 0; position < 40; position++) {
      const seeds = [position * 7919];
      const before = reads;
      const listed = step(0, position, token, { seeds });
      assert.equal(reads, before, "logits of all tokens are read");
      const whole = step(1, position, token, { seeds, fromShortlist: false });
      assert.ok(reads > before);
      assert.deepEqual(listed, whole);
      assert.ok(whole && "token" in whole);
      token = whole.token;
    }
    // A sequence goes from one to the other and back.
    for (const fromShortlist of [false, true, false, true]) {
      const before = reads;
      step(0, 40, token, { fromShortlist });
      assert.equal(reads === before, fromShortlist);
      context.cut([{ context: 0, sequence: 0, from: 40 }]);
    }
    const all = (() => {
      step(1, 40, token, { fromShortlist: false });
      const row = llama.llama_get_logits_ith(pointer, 0)!;
      const bytes = 4 * vocabulary.size;
      return new Float32Array(Deno.UnsafePointerView.getArrayBuffer(row, bytes)).slice();
    })();
    step(0, 40, token);
    const { ids, logits } = new Shortlists(llama, pointer, vocabulary.size).read(0)!;
    assert.equal(ids.length, SHORTLIST);
    const best = [...all.keys()].sort((a, b) => all[b]! - all[a]!).slice(0, SHORTLIST);
    assert.deepEqual([...ids].sort((a, b) => a - b), best.toSorted((a, b) => a - b));
    for (const [index, id] of ids.entries()) {
      assert.ok(Math.abs(logits[index]! - all[id]!) < 1e-4);
    }
    context.free();
    llama.llama_sampler_free(chain);
    llama.llama_model_free(model);
  }));

Deno.test("backend_sampling changes no answer, whatever requests come after each other and at once", () =>
  withModel(async (path) => {
    const requests = [
      { temperature: 0 },
      { temperature: 0.9, seed: 5 },
      { temperature: 0.9, seed: 5, logprobs: 2 },
      { temperature: 1.2, seed: 9, top_p: 0.8, min_p: 0.02, top_k: 64 },
      { temperature: 1.2, seed: 9, top_k: 65 },
      { temperature: 1, seed: 3, top_k: 0 },
      { temperature: 0.7, seed: 1, repetition_penalty: 1.3 },
      { temperature: 0.7, seed: 1, logit_bias: { "301": -100 } },
      { temperature: 0.7, seed: 1, grammar: 'root ::= " w1"+' },
      { temperature: 0.7, seed: 2 },
    ];
    const settings = { cache_type_k: "f32", cache_type_v: "f32" } as const;
    const run = async (backend_sampling: boolean) => {
      const texts: string[] = [];
      const options = { slots: 3, context: 256, settings: { ...settings, backend_sampling } };
      await using(path, options, async ({ generate }) => {
        const ask = async (fields: Record<string, unknown>) => {
          const events = await generate({ prompt: "w1 w2 w3", max_tokens: 24, ...fields });
          assert.equal(endOf(events).tokens_out, 24);
          return textOf(events);
        };
        for (const request of requests) texts.push(await ask(request));
        // Beside others, results may differ in the last bit: there, each request only has to be answered.
        await Promise.all(requests.slice(4).map(ask));
      });
      return texts;
    };
    const [plain, listed] = [await run(false), await run(true)];
    assert.deepEqual(listed, plain);
    assert.ok(new Set(plain).size > 5, JSON.stringify(plain));
  }));
