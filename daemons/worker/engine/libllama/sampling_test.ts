import assert from "node:assert/strict";
import { counterModel } from "../../../../tests/support/models.ts";
import { seededRandom } from "../../../../tests/support/random.ts";
import { request } from "../../testing/generator.ts";
import { openVocabularyOf } from "../../testing/vocabulary.ts";
import type { AnswerWatch, SamplingRequest } from "../engine.ts";
import { addressOf, pointerAt } from "./c/c_values.ts";
import type { Llama } from "./c/library.ts";
import { createGrammars, type Grammars } from "./grammars.ts";
import { LibllamaSampling } from "./sampling.ts";
import { samplingPlan } from "./sampling_plan.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Functions that create a sampler. */
const CREATES = /^llama_sampler_(?:chain_init|init_\w+|clone)$/;

/** Samplers of C that are not freed yet. One in a chain is freed with it. */
class Samplers {
  readonly living = new Set<number>();
  created = 0;

  /** llama.cpp, in which they are counted. */
  watch(llama: Llama): Llama {
    return new Proxy(llama, {
      get: (target, name) => {
        const call = Reflect.get(target, name) as (...args: unknown[]) => unknown;
        return (...args: unknown[]) => this.#seen(String(name), args, call(...args));
      },
    });
  }

  #seen(name: string, [first, second]: unknown[], result: unknown): unknown {
    const address = (value: unknown) => addressOf(value as Deno.PointerValue);
    if (CREATES.test(name) && result !== null) {
      this.created++;
      this.living.add(address(result));
    }
    const gone = name === "llama_sampler_free"
      ? first
      : name === "llama_sampler_chain_add"
      ? second
      : undefined;
    if (gone !== undefined) assert.ok(this.living.delete(address(gone)), `${name} of no sampler`);
    return result;
  }
}

interface Opened {
  readonly samplers: Samplers;
  readonly llama: Llama;
  readonly vocabulary: Vocabulary;
  readonly free: (samplers: readonly number[]) => void;
}

async function using(work: (opened: Opened) => Promise<void>): Promise<void> {
  const { llama, model, vocabulary } = openVocabularyOf(counterModel());
  const samplers = new Samplers();
  const watched = samplers.watch(llama);
  try {
    await work({
      ...{ samplers, vocabulary, llama: watched },
      free: (addresses) => {
        for (const each of addresses) watched.llama_sampler_free(pointerAt(each));
      },
    });
  } finally {
    llama.llama_model_free(model);
  }
}

/** A watch whose state a test sets. */
class Watch implements AnswerWatch {
  isThinking = true;
  callStart: number | undefined;
  push(): void {}
  callTokens(): readonly number[] {
    return [];
  }
}

const GRAMMAR = 'root ::= (" w" [0-9]+)*';
const COUNT = { type: "function", function: { name: "count" } };
const REQUESTS: readonly SamplingRequest[] = [
  {},
  { temperature: 1, top_k: 5, top_p: 0.9, min_p: 0.1 },
  { repetition_penalty: 1.1, logit_bias: { "300": 1 } },
  { frequency_penalty: 1, temperature: 0.5, grammar: GRAMMAR },
  { xtc_probability: 0.5, samplers: ["xtc", "penalties", "top_k"], presence_penalty: 1 },
  { mirostat: 1 as const },
].map((fields) => request(fields));

async function grammarsOf({ llama, vocabulary }: Opened): Promise<Grammars> {
  const compiled = async () =>
    (await createGrammars(llama, vocabulary, request({ grammar: GRAMMAR }), undefined)).first;
  return {
    ...{ first: await compiled(), afterThought: await compiled(), calls: await compiled() },
    unheld: [],
    isText: false,
  };
}

Deno.test("all samplers of a request are freed once, whatever it did before its end", () =>
  using(async (opened) => {
    const { samplers, llama, vocabulary, free } = opened;
    const random = seededRandom(1);
    const below = (count: number) => Math.floor(random() * count);
    for (let n = 0; n < 100; n++) {
      const watch = new Watch();
      const asked = REQUESTS[n % REQUESTS.length]!;
      const sampling = new LibllamaSampling({
        ...{ llama, vocabulary, free, seed: n, adapter: 0, request: asked },
        plan: samplingPlan(asked, 512),
        grammars: await grammarsOf(opened),
        hold: n % 3 === 0 ? undefined : { watch, waits: n % 2 === 0 },
      });
      const steps: (() => void)[] = [
        () => sampling.see([300, 301]),
        () => sampling.forbid([310 + below(5)]),
        () => sampling.take({ token: 280 + below(20) }),
        () => sampling.take({ token: 2 }),
        () => sampling.take({ token: 290, gaveUp: true }),
        () => watch.isThinking = !watch.isThinking,
        () => watch.callStart = watch.callStart === undefined ? n : undefined,
      ];
      for (let count = below(12); count > 0; count--) steps[below(steps.length)]!();
      const step = random() < 0.5 ? sampling.use() : undefined;
      sampling.dispose();
      if (step) {
        // The step that its run has ended in goes on with what it has chosen.
        assert.ok(samplers.living.size > 0);
        sampling.take({ token: 291 });
        step[Symbol.dispose]();
      }
      assert.deepEqual([...samplers.living], []);
    }
    assert.ok(samplers.created > 1_000, `${samplers.created} samplers`);
  }));

Deno.test("a sampling that was disposed of lets nothing read what was freed", () =>
  using(async (opened) => {
    const { llama, vocabulary, free } = opened;
    const sampling = new LibllamaSampling({
      ...{ llama, vocabulary, free, seed: 1, adapter: 0, request: request() },
      ...{ grammars: await grammarsOf(opened), hold: undefined },
      plan: samplingPlan(request(), 512),
    });
    sampling.dispose();
    const disposed = /The sampling has been disposed of/;
    assert.throws(() => sampling.see([300]), disposed);
    assert.throws(() => sampling.replay(300), disposed);
    assert.throws(() => sampling.forbid([300]), disposed);
    assert.throws(() => sampling.use(), disposed);
  }));

Deno.test("grammars of a request that is refused are freed", () =>
  using(async ({ samplers, llama, vocabulary }) => {
    const begun = { field: "messages.0.content", tokens: [300] };
    const refused = request({
      ...{ json_schema: { type: "boolean" }, tools: [COUNT] },
      messages: [{ role: "user", content: "w1" }],
    });
    await assert.rejects(createGrammars(llama, vocabulary, refused, undefined, begun), {
      code: "INVALID_REQUEST",
    });
    assert.ok(samplers.created > 0);
    assert.deepEqual([...samplers.living], []);
  }));
