import assert from "node:assert/strict";
import { join } from "node:path";
import { writeRandomModel } from "../../../../../tests/support/models.ts";
import { seededRandom } from "../../../../../tests/support/random.ts";
import { request } from "../../../testing/generator.ts";
import { openVocabularyOf } from "../../../testing/vocabulary.ts";
import { FIELDS } from "../c/abi.ts";
import { addressOf, addressOfBuffer, cString, pointerAt } from "../c/c_values.ts";
import { layoutOf } from "../c/layout.ts";
import type { Llama } from "../c/library.ts";
import { createChain } from "../chain.ts";
import { type Ranking, rankingOf } from "../ranking.ts";
import { samplingPlan } from "../sampling_plan.ts";
import { Chooser } from "./chooser.ts";

const VOCABULARY = 12_000;
const ROUNDS = 30;
const ARRAY = layoutOf(FIELDS.llama_token_data_array);

/** Grammars by how many tokens they allow. */
const GRAMMARS = {
  "half of all tokens": "root ::= [a-zA-Z0-9 ]+",
  "some tokens": 'root ::= " w" [0-4]+',
  "one token": 'root ::= " w77" "x"',
};

const WAYS: Readonly<Record<string, Record<string, unknown>>> = {
  "the most probable": { temperature: 0 },
  "the most probable, with penalties": { temperature: 0, repetition_penalty: 1.3 },
  "of forty": { temperature: 1.3, top_k: 40, top_p: 0.95, min_p: 0.05 },
  "of forty, with biases": { temperature: 1, top_k: 40, logit_bias: { 300: -100, 400: 40 } },
  "of all": { temperature: 0.8, top_k: 0, top_p: 0.9, min_p: 0 },
  "with typical_p": { temperature: 0.8, top_k: 40, typical_p: 0.7 },
};

/** Chooses by given logits, and counts the candidates that a grammar was shown. */
function chooserOf(llama: Llama, logits: Float32Array<ArrayBuffer>, grammar: Deno.PointerValue) {
  let shown = 0;
  const counting: Llama = {
    ...llama,
    llama_get_logits_ith: () => pointerAt(addressOfBuffer(logits)),
    llama_sampler_apply(sampler, array) {
      if (addressOf(sampler) === addressOf(grammar)) {
        shown += Number(new DataView(array!.buffer).getBigUint64(ARRAY.offsets.size, true));
      }
      llama.llama_sampler_apply(sampler, array);
    },
  };
  const chooser = new Chooser(counting, null, logits.length, new Set(), () => {});
  return { chooser, shown: () => shown };
}

Deno.test("a grammar is shown the most probable tokens only, and the choice is as with all", async (t) => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "words.gguf");
  const shape = { layers: 1, width: 32, heads: 1, kvHeads: 1, feedForward: 32 };
  writeRandomModel(path, { ...shape, vocabulary: VOCABULARY, context: 64, type: "F16" });
  const { llama, model, vocabulary } = openVocabularyOf(path);
  try {
    for (const [allows, text] of Object.entries(GRAMMARS)) {
      for (const [way, fields] of Object.entries(WAYS)) {
        await t.step(`${way}; the grammar allows ${allows}`, () => {
          const asked = request(fields);
          const plan = samplingPlan(asked, 64);
          const biases = Object.entries(asked.logit_bias ?? {})
            .map(([token, bias]) => [Number(token), bias <= -100 ? -Infinity : bias] as const);
          const ranking = rankingOf(plan, biases.length > 0);
          assert.ok(ranking);
          const random = seededRandom(7);
          let seen = 0;
          for (let round = 0; round < ROUNDS; round++) {
            // As of a model: a few tokens are far more probable than the others.
            const logits = Float32Array.from(
              { length: VOCABULARY },
              () => -4 * Math.log(random()) - 10,
            );
            // The best one was said before.
            logits[300] = Math.max(...logits) + 1;
            const choose = (ranking: Ranking | undefined) => {
              const grammar = llama.llama_sampler_init_grammar(
                ...[vocabulary.pointer, cString(text), cString("root")] as const,
              );
              const chain = createChain(llama, vocabulary, {
                ...{ biases, parts: plan.before, dry: null },
              });
              for (const token of [300, 301, 302]) llama.llama_sampler_accept(chain, token);
              const { chooser, shown } = chooserOf(llama, logits, grammar);
              const [choice] = chooser.choose(0, [0], {
                ...{ chain: addressOf(chain), after: 0, seeds: [round], draws: plan.draws },
                ...{ stops: [], fromShortlist: false, guessed: [], odds: undefined },
                // What is chosen without the grammar takes a context.
                ...{ remembers: true, isLazy: false, isPostSampling: false },
                ...{ grammar: addressOf(grammar), ranking },
              });
              llama.llama_sampler_free(chain);
              llama.llama_sampler_free(grammar);
              return { choice, shown: shown() };
            };
            const [whole, few] = [choose(undefined), choose(ranking)];
            assert.ok(whole.choice && "token" in whole.choice && whole.shown > VOCABULARY);
            assert.deepEqual(few.choice, whole.choice);
            seen += few.shown;
          }
          if (allows === "half of all tokens") assert.ok(seen < ROUNDS * VOCABULARY / 2);
        });
      }
    }
  } finally {
    llama.llama_model_free(model);
    await Deno.remove(folder, { recursive: true });
  }
});
