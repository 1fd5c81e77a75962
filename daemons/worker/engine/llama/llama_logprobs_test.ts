import assert from "node:assert/strict";
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
