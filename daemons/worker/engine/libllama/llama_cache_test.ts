import assert from "node:assert/strict";
import { join } from "node:path";
import { counterModel, writeRandomModel } from "../../../../tests/support/models.ts";
import { textOf } from "../../testing/generator.ts";
import { count, endOf, logprobsOf, using } from "../../testing/llama.ts";

Deno.test("llama.cpp reuses the tokens of a slot, and generates the same as without", () =>
  using(counterModel(), { context: 512 }, async ({ generate, engine }) => {
    const prompt = count(0, 99);
    const fresh = await generate({ prompt, max_tokens: 5 });
    const again = await generate({ prompt, max_tokens: 5 });
    const branch = await generate({ prompt: count(0, 49) + " w700", max_tokens: 2 });
    assert.equal(endOf(fresh).tokens_cached, 0);
    assert.equal(endOf(again).tokens_cached, endOf(again).tokens_in - 1);
    assert.equal(textOf(again), textOf(fresh));
    assert.equal(textOf(branch), count(701, 702));
    assert.equal(endOf(branch).tokens_cached, (await engine.tokenize(count(0, 49))).length);
  }));

/** Log probabilities that differ by less than this are equal except for rounding. */
const EPSILON = 0.01;

Deno.test("llama.cpp with real weights says the same with a cache hit as without, of short and long prompts", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "random.gguf");
    writeRandomModel(path, { type: "Q8_0" });
    await using(path, { context: 1024 }, async ({ generate }) => {
      for (const length of [40, 120, 900]) {
        const ids = Array.from({ length }, (_, n) => 300 + (n * 37 + length) % 700);
        for (const how of [{ temperature: 0 }, { temperature: 1, seed: 7, top_p: 1, min_p: 0 }]) {
          const fields = { prompt_tokens: [1, ...ids], max_tokens: 60, logprobs: 2, ...how };
          await generate({ prompt_tokens: [1, 2, 3], max_tokens: 1 });
          const fresh = await generate(fields);
          const again = await generate(fields);
          assert.equal(endOf(fresh).tokens_cached, 1);
          assert.equal(endOf(again).tokens_cached, length);
          const [chosen, others] = [logprobsOf(fresh), logprobsOf(again)];
          for (const [at, { id, logprob }] of chosen.entries()) {
            // Rounding may decide between two tokens; from there on the texts may differ.
            if (others[at]?.id !== id) break;
            assert.ok(Math.abs(others[at].logprob - logprob) < EPSILON, `${length}: token ${at}`);
          }
          assert.equal(others[0]?.id, chosen[0]?.id);
        }
      }
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
