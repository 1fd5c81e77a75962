/**
 * What is chosen with sampling options, beside what llama-server chooses with the same ones. Seeds here
 * are new for each token, so that answers can go on elsewhere: llama-server gets each token's own seed,
 * and the tokens before it as its prompt.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { seedAt } from "../../daemons/worker/engine/seed.ts";
import { idsOf } from "../../daemons/worker/testing/generator.ts";
import { using } from "../../daemons/worker/testing/llama.ts";
import { writeRandomModel } from "../support/models.ts";
import { whyNoPeer, withPeer } from "../support/peer.ts";

const reason = whyNoPeer();
const TOKENS = 12;
const SEED = 17;
/** All tokens are almost equally probable. */
const HOT = { temperature: 3, top_k: 0, top_p: 1, min_p: 0 };

/** Options as tasks have them. */
const SETS: Readonly<Record<string, Record<string, unknown>>> = {
  "the defaults": { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05 },
  "typical_p": { ...HOT, typical_p: 0.3, top_k: 200 },
  "top_n_sigma": { ...HOT, top_n_sigma: 1 },
  "XTC that always strikes": { ...HOT, xtc_probability: 1, xtc_threshold: 0.02, top_k: 20 },
  "XTC by chance": { ...HOT, xtc_probability: 0.5, xtc_threshold: 0.02, top_k: 20 },
  "XTC of the most probable token": {
    ...{ temperature: 0, xtc_probability: 1, xtc_threshold: 0.001 },
  },
  "a dynamic temperature": { ...HOT, dynatemp_range: 2, dynatemp_exponent: 1.5, top_k: 50 },
  "DRY": {
    ...{ temperature: 0, dry_multiplier: 5, dry_base: 2, dry_allowed_length: 1 },
    dry_sequence_breakers: ["\n"],
  },
  "DRY with breakers that come": {
    ...{ temperature: 0, dry_multiplier: 5, dry_allowed_length: 1 },
    dry_sequence_breakers: ["w2", "3"],
  },
  "penalties of a short window": {
    ...{ temperature: 0, repetition_penalty: 1.5, presence_penalty: 1, repeat_last_n: 3 },
  },
  "penalties without a window": { temperature: 0, repetition_penalty: 3, repeat_last_n: 0 },
  "samplers in another order": {
    ...{ ...HOT, temperature: 0.3, top_p: 0.7, top_k: 30 },
    samplers: ["temperature", "top_k", "top_p"],
  },
  "samplers as letters": { ...HOT, top_k: 5, top_p: 0.5, samplers: "kt" },
  "no samplers": { temperature: 0, top_k: 1, samplers: [] },
  "min_keep": { ...HOT, top_p: 0.01, min_p: 0.9, min_keep: 8 },
  "mirostat 1": { ...HOT, temperature: 1, mirostat: 1, mirostat_tau: 2, mirostat_eta: 0.2 },
  "mirostat 2": { ...HOT, temperature: 1, mirostat: 2, mirostat_tau: 2, mirostat_eta: 0.2 },
  "mirostat of the most probable token": { temperature: 0, mirostat: 2 },
};

/** The same under llama-server's names. */
function theirNames({ repetition_penalty, ...rest }: Record<string, unknown>) {
  return {
    ...rest,
    ...repetition_penalty === undefined ? {} : { repeat_penalty: repetition_penalty },
  };
}

Deno.test({
  name: "sampling options choose the tokens that llama-server chooses with the same ones" +
    (reason === undefined ? "" : ` (skipped: ${reason})`),
  ignore: reason !== undefined,
  async fn(t) {
    const folder = await Deno.makeTempDir({ prefix: "llorch-beside-" });
    try {
      const model = join(folder, "tiny.gguf");
      writeRandomModel(model, { layers: 1, vocabulary: 2_000 });
      await withPeer(model, (theirs) =>
        using(model, { context: 2048 }, async ({ generate }) => {
          const prompt = "w1 w2 w3 w1 w2 w3 w1 w2";
          const { tokens } = await theirs("/tokenize", { content: prompt, add_special: true });
          for (const [name, options] of Object.entries(SETS)) {
            await t.step(name, async () => {
              // Mirostat's state cannot be given to llama-server: only the first token is without one.
              const count = options["mirostat"] && options["temperature"] !== 0 ? 1 : TOKENS;
              const asked = { prompt, seed: SEED, max_tokens: count, ...options };
              const ours = idsOf(await generate(asked));
              assert.ok(ours.length > 0);
              for (const [index, id] of ours.entries()) {
                const reply = await theirs("/completion", {
                  prompt: [...tokens as number[], ...ours.slice(0, index)],
                  ...{ n_predict: 1, seed: seedAt(SEED, index), return_tokens: true },
                  ...theirNames(options),
                });
                assert.deepEqual(reply["tokens"], [id], `token ${index}`);
              }
            });
          }
        }));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
