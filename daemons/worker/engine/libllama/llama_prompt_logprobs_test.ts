import assert from "node:assert/strict";
import { counterModel } from "../../../../tests/support/models.ts";
import { idsOf } from "../../testing/generator.ts";
import { endOf, fieldIs, logprobsOf, using } from "../../testing/llama.ts";
import { DEMO_MODEL } from "../../testing/worker.ts";

Deno.test("llama.cpp gives a prompt's tokens the probabilities that it gives them when it generates", () =>
  using(DEMO_MODEL, { slots: 2 }, async ({ engine, generate }) => {
    const prompt = "Once upon a time there was a little fox";
    const before = await engine.tokenize(prompt);
    const events = await generate({ prompt, max_tokens: 60, logprobs: 3, temperature: 1, seed: 4 });
    const after = idsOf(events);
    const generated = logprobsOf(events);
    assert.equal(generated.length, after.length);
    assert.ok(after.length >= 30, `${after.length}`);
    const asked = { prompt_tokens: [...before, ...after], prompt_logprobs: 3, max_tokens: 1 };
    const { prompt_logprobs: scored = [], tokens_cached } = endOf(await generate(asked));
    assert.equal(tokens_cached, 0);
    assert.deepEqual(scored.map(({ id }) => id), asked.prompt_tokens);
    assert.deepEqual([scored[0]?.logprob, scored[0]?.top], [undefined, []]);
    for (const [index, { id, t, logprob, top }] of scored.slice(before.length).entries()) {
      const own = generated[index]!;
      assert.deepEqual([id, t, top.map((each) => each.id)], [
        own.id,
        own.t,
        own.top.map((each) => each.id),
      ]);
      assert.ok(Math.abs(logprob! - own.logprob) < 1e-3, `${index}: ${logprob} ${own.logprob}`);
    }
    assert.deepEqual(endOf(await generate(asked)).prompt_logprobs, scored);
    // Another batch computes the same, while another answer is generated beside.
    const beside = generate({ prompt, max_tokens: 40 });
    const meanwhile = endOf(await generate(asked)).prompt_logprobs!;
    await beside;
    for (const [index, { logprob = 0 }] of meanwhile.entries()) {
      assert.ok(Math.abs(logprob - (scored[index]!.logprob ?? 0)) < 1e-2, `${index}`);
    }
  }));

Deno.test("llama.cpp gives a text's begin token its text, and generates after the prompt as usual", () =>
  using(counterModel(), {}, async ({ generate }) => {
    const asked = { prompt: "w7 w8 w3", prompt_logprobs: 1, max_tokens: 2 };
    const events = await generate(asked);
    const { prompt_logprobs: scored = [] } = endOf(events);
    assert.deepEqual(scored.map(({ t }) => t), ["<s>", " w7", " w8", " w3"]);
    // After 7 it counts on: 8 is sure, and 3 is not what follows.
    assert.ok(scored[2]!.logprob! > -0.01 && scored[3]!.logprob! < -1);
    assert.deepEqual(scored.map(({ top }) => top[0]?.t).slice(2), [" w8", " w9"]);
    assert.deepEqual(
      idsOf(events),
      idsOf(await generate({ ...asked, prompt_logprobs: undefined })),
    );
    const one = endOf(await generate({ prompt_tokens: [1], prompt_logprobs: 0, max_tokens: 1 }));
    assert.deepEqual(one.prompt_logprobs, [{ id: 1, t: "<s>", top: [] }]);
  }));

Deno.test("more probabilities of a prompt than an event can carry are refused", () =>
  using(counterModel(), { context: 4096 }, async ({ generate }) => {
    const prompt_tokens = Array.from({ length: 3200 }, () => 10);
    await assert.rejects(
      generate({ prompt_tokens, prompt_logprobs: 20 }),
      fieldIs("prompt_logprobs"),
    );
  }));
