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
import { rankingOf } from "../needed_candidates.ts";
import type { Choice } from "./messages.ts";
import type { Ranking } from "./ranking.ts";
import { type SamplingPlan, samplingPlan } from "../sampling_plan.ts";
import type { Vocabulary } from "../vocabulary.ts";
import { Chooser } from "./chooser.ts";

const VOCABULARY = 12_000;
const ROUNDS = 30;
/** Tokens that were chosen before. */
const SAID = [300, 301, 302] as const;
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

/** What was chosen, and how many candidates the grammar was shown. */
interface Chosen {
  readonly choice: Choice | undefined;
  readonly shown: number;
}

/** A choice to make. */
interface Case {
  readonly grammar: string;
  readonly plan: SamplingPlan;
  readonly biases: readonly (readonly [token: number, bias: number])[];
  readonly ranking: Ranking | undefined;
  readonly logits: Float32Array<ArrayBuffer>;
  readonly seed: number;
}

/** Chooses by given logits. */
function choose(
  llama: Llama,
  vocabulary: Vocabulary,
  { plan, biases, ranking, logits, seed, ...given }: Case,
): Chosen {
  const grammar = llama.llama_sampler_init_grammar(
    vocabulary.pointer,
    cString(given.grammar),
    cString("root"),
  );
  const chain = createChain(llama, vocabulary, { biases, parts: plan.before, dry: null });
  for (const token of SAID) llama.llama_sampler_accept(chain, token);
  let shown = 0;
  const counting: Llama = {
    ...llama,
    llama_get_logits_ith: () => pointerAt(addressOfBuffer(logits)),
    llama_sampler_apply(sampler, array) {
      if (addressOf(sampler) === addressOf(grammar)) {
        const view = new DataView((array as Uint8Array).buffer);
        shown += Number(view.getBigUint64(ARRAY.offsets.size, true));
      }
      llama.llama_sampler_apply(sampler, array);
    },
  };
  const chooser = new Chooser(counting, null, logits.length, new Set(), () => {});
  const [choice] = chooser.choose(0, [0], {
    ...{ chain: addressOf(chain), after: 0, seeds: [seed], draws: plan.draws, stops: [] },
    // What is chosen without the grammar takes a context.
    ...{ remembers: true, isLazy: false, isPostSampling: false, fromShortlist: false },
    ...{ guessed: [], odds: undefined, grammar: addressOf(grammar), ranking },
  });
  llama.llama_sampler_free(chain);
  llama.llama_sampler_free(grammar);
  return { choice, shown };
}

Deno.test("a grammar is shown the most probable tokens only, and the choice is as with all", async (t) => {
  const folder = await Deno.makeTempDir();
  const path = join(folder, "words.gguf");
  const shape = { layers: 1, width: 32, heads: 1, kvHeads: 1, feedForward: 32 };
  writeRandomModel(path, { ...shape, vocabulary: VOCABULARY, context: 64, type: "F16" });
  const { llama, model, vocabulary } = openVocabularyOf(path);
  try {
    for (const [allows, grammar] of Object.entries(GRAMMARS)) {
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
            logits[SAID[0]] = Math.max(...logits) + 1;
            const given = { grammar, plan, biases, logits, seed: round };
            const whole = choose(llama, vocabulary, { ...given, ranking: undefined });
            const few = choose(llama, vocabulary, { ...given, ranking });
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
