/**
 * States beside the slots: what a slot held before another prompt took it.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  writeHybridModel,
  writeRecurrentModel,
  writeSlidingWindowModel,
} from "../../../../tests/support/arch_models.ts";
import { writeRandomModel } from "../../../../tests/support/models.ts";
import type { EngineSequence } from "../engine.ts";
import { textOf } from "../../testing/generator.ts";
import { endOf } from "../../testing/llama.ts";
import { withModel, words } from "../../testing/states.ts";

const CACHE = 64 * 2 ** 20;

const MODELS: Readonly<Record<string, (path: string) => void>> = {
  plain: (path) => writeRandomModel(path, { vocabulary: 512 }),
  hybrid: writeHybridModel,
  recurrent: writeRecurrentModel,
  "sliding-window": writeSlidingWindowModel,
};

for (const [name, write] of Object.entries(MODELS)) {
  Deno.test(`a slot of a ${name} model goes on from what it held before another prompt, and says the same`, async () => {
    const first = [1, ...words(1, 120)];
    const second = [1, ...words(2, 90)];
    const more = { max_tokens: 20, temperature: 0 };
    const told: { texts: string[]; read: number[] }[] = [];
    for (const keeps of [true, false]) {
      await withModel(write, { slots: 2 }, async ({ generate, engine }) => {
        const [one, other] = engine.sequences as [EngineSequence, EngineSequence];
        const begun = await generate({ prompt_tokens: first, ...more });
        const answer = begun.flatMap((event) => event.event === "token" ? event.data.ids : []);
        const state = keeps ? await one.keep(() => true) : undefined;
        if (keeps) assert.equal(state!.length, one.length);
        // The same slot, and the other one.
        const next = [[...first, ...answer, ...words(3, 15)], [...first, ...words(4, 15)]];
        const texts: string[] = [];
        const read: number[] = [];
        for (const [index, prompt_tokens] of next.entries()) {
          for (const sequence of [one, other]) {
            sequence.trim(0);
            if (state && (sequence === one) === (index === 0)) await sequence.put(state);
          }
          const events = await generate({ prompt_tokens, ...more });
          texts.push(textOf(events));
          read.push(prompt_tokens.length - endOf(events).tokens_cached);
          await generate({ prompt_tokens: second, ...more });
        }
        state?.forget();
        told.push({ texts, read });
      });
    }
    const [kept, alone] = told as [typeof told[number], typeof told[number]];
    assert.deepEqual(kept.texts, alone.texts);
    // An answer goes on; and models that cannot be cut anywhere go back to a state before it.
    assert.ok(kept.read[0]! <= 17 && kept.read[1]! <= 20, `evaluated: ${kept.read}`);
    assert.deepEqual(alone.read, [156, 136]);
  });

  Deno.test(`prompts of a ${name} model that come together are read once, and answered as alone`, async () => {
    const prompt = [1, ...words(4, 180)];
    const prompts = [prompt, prompt, [...prompt, ...words(5, 9)], [...prompt, ...words(6, 12)]];
    const ask = (cacheBytes: number, slots: number) =>
      new Promise<{ texts: string[]; cached: number[] }>((resolve, reject) => {
        withModel(write, { cacheBytes, slots, context: 512 }, async ({ generate }) => {
          const all = await Promise.all(
            prompts.map((prompt_tokens) =>
              generate({ prompt_tokens, max_tokens: 30, temperature: 0 })
            ),
          );
          resolve({
            texts: all.map(textOf),
            cached: all.map((events) => endOf(events).tokens_cached),
          });
        }).catch(reject);
      });
    const together = await ask(CACHE, 4);
    assert.deepEqual(together.texts, (await ask(0, 4)).texts);
    assert.ok(together.cached.slice(1).every((tokens) => tokens >= 179), `${together.cached}`);
  });
}

Deno.test("with too little memory nothing is kept, and answers are the same", async () => {
  const prompts = [1, 2, 1].map((seed) => [seed, ...words(seed, 150)]);
  await withModel(MODELS["plain"]!, { cacheBytes: 1000 }, async ({ generate }) => {
    const cached: number[] = [];
    for (const prompt_tokens of prompts) {
      cached.push(endOf(await generate({ prompt_tokens, max_tokens: 5 })).tokens_cached);
    }
    assert.deepEqual(cached, [0, 0, 0]);
  });
});
