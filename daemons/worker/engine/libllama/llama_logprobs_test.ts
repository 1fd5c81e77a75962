import assert from "node:assert/strict";
import { join } from "node:path";
import { writeUtf8Model } from "../../../../tests/support/models.ts";
import { idsOf, textOf } from "../../testing/generator.ts";
import { logprobsOf, story, using } from "../../testing/llama.ts";
import { DEMO_MODEL } from "../../testing/worker.ts";

Deno.test("llama.cpp returns the logprobs of each token and of the most probable ones, the same each time", () =>
  using(DEMO_MODEL, {}, async ({ engine, generate }) => {
    const fields = { prompt: "Once upon a time", max_tokens: 12, logprobs: 5 };
    const events = await generate(fields);
    const chosen = logprobsOf(events);
    assert.deepEqual(chosen.map(({ id }) => id), idsOf(events));
    for (const { id, t, logprob, top } of chosen) {
      assert.equal(top.length, 5);
      // Decoding is greedy: the chosen token is the most probable one.
      assert.equal(top[0]!.id, id);
      assert.equal(t, engine.detokenize([id]));
      assert.ok(Math.abs(top[0]!.logprob - logprob) < 1e-4);
      const shares = top.map((each) => Math.exp(each.logprob));
      assert.deepEqual(shares, shares.toSorted((a, b) => b - a));
      assert.ok(shares.reduce((sum, share) => sum + share) <= 1.0001);
    }
    assert.ok(chosen.some(({ logprob }) => logprob < -0.001), "some tokens are uncertain");
    assert.deepEqual(logprobsOf(await generate(fields)), chosen);
    assert.equal(textOf(await generate({ ...fields, logprobs: undefined })), textOf(events));
  }));

Deno.test("llama.cpp returns only the chosen token's logprob if asked to, sampled and resumed too", () =>
  using(DEMO_MODEL, {}, async ({ generate }) => {
    const fields = {
      messages: story,
      max_tokens: 10,
      logprobs: 0,
      temperature: 1,
      seed: 3,
    };
    const events = await generate(fields);
    const chosen = logprobsOf(events);
    assert.deepEqual(chosen.map(({ id }) => id), idsOf(events));
    assert.equal(chosen.length, 10);
    assert.ok(chosen.every(({ top, logprob }) => top.length === 0 && logprob <= 0));
    const rest = await generate({ ...fields, resume_tokens: idsOf(events).slice(0, 4) });
    assert.deepEqual(logprobsOf(rest).map(({ id }) => id), chosen.slice(4).map(({ id }) => id));
  }));

/** Settings that leave the model's distribution as it is. */
const neutral = { temperature: 1, top_p: 1, top_k: 0, min_p: 0 };

Deno.test("llama.cpp returns logprobs of the model itself, whatever the sampling", () =>
  using(DEMO_MODEL, {}, async ({ engine, generate }) => {
    const first = (fields: Record<string, unknown>) =>
      generate({ prompt: "Once upon a", max_tokens: 1, logprobs: 20, seed: 1, ...fields })
        .then((events) => logprobsOf(events)[0]!);
    const own = await first({ ...neutral, post_sampling_probs: true });
    assert.equal(own.top.length, 20);
    const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-4, `${a} for ${b}`);
    const shaped = { temperature: 0.3, top_k: 2, repetition_penalty: 1.5, frequency_penalty: 1 };
    for (const sampling of [neutral, { temperature: 0 }, shaped]) {
      const found = await first(sampling);
      assert.deepEqual(found.top.map(({ id }) => id), own.top.map(({ id }) => id));
      found.top.forEach(({ logprob }, index) => near(logprob, own.top[index]!.logprob));
    }
    assert.ok((await first({ ...shaped, post_sampling_probs: true })).top.length <= 2);
    // A token that the model would not say, and one that it would.
    for (const id of [engine.vocabularySize - 1, own.top[10]!.id]) {
      const forced = await first({ logit_bias: { [id]: 100 }, temperature: 0 });
      assert.equal(forced.id, id);
      const plain = await first({ ...neutral, logit_bias: { [own.top[0]!.id]: 0 } });
      assert.deepEqual(forced.top, plain.top);
      assert.ok(forced.logprob < forced.top[0]!.logprob);
    }
  }));

Deno.test("llama.cpp returns the same logprobs with guesses of the next tokens as without", async () => {
  const fields = { prompt: "w1 w2 w3 w4 w5 w1 w2 w3", max_tokens: 12, logprobs: 3 };
  const found: ReturnType<typeof logprobsOf>[] = [];
  for (const settings of [{}, { speculative: "lookup" as const }]) {
    await using(DEMO_MODEL, { settings }, async ({ generate }) => {
      found.push(logprobsOf(await generate(fields)));
    });
  }
  const [plain, guessed] = found;
  assert.equal(plain!.length, 12);
  for (const [index, { id, logprob, top }] of plain!.entries()) {
    const other = guessed![index]!;
    assert.deepEqual([other.id, ...other.top.map((each) => each.id)], [
      id,
      ...top.map((each) => each.id),
    ]);
    assert.ok(Math.abs(other.logprob - logprob) < 1e-3);
  }
});

Deno.test("llama.cpp returns the bytes of tokens that are parts of characters", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const model = join(folder, "utf8.gguf");
    writeUtf8Model(model);
    await using(model, {}, async ({ generate }) => {
      const events = await generate({ prompt: "a", max_tokens: 9, logprobs: 1 });
      const bytes = logprobsOf(events).flatMap(({ t, bytes }) =>
        bytes ?? [...new TextEncoder().encode(t)]
      );
      assert.equal(new TextDecoder().decode(Uint8Array.from(bytes)), "😀é漢");
      assert.equal(textOf(events), "😀é漢");
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("llama.cpp returns logprobs of tokens that a grammar allows", () =>
  using(DEMO_MODEL, {}, async ({ generate }) => {
    const events = await generate({
      prompt: "Once",
      grammar: 'root ::= "ab" | "cd"',
      logprobs: 3,
      max_tokens: 8,
    });
    assert.match(textOf(events), /^(ab|cd)$/);
    assert.ok(logprobsOf(events).length > 0);
  }));
