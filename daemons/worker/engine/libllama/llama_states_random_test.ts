/**
 * Random requests that share beginnings, in slots side by side, against the same requests alone with
 * nothing to reuse and without guesses.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { LlamaSettings } from "#shared/config/llama.ts";
import {
  writeHybridModel,
  writeHybridMtpModel,
  writeRecurrentModel,
  writeSlidingWindowModel,
} from "../../../../tests/support/arch_models.ts";
import { seededRandom } from "../../../../tests/support/random.ts";
import { textOf } from "../../testing/generator.ts";
import { endOf } from "../../testing/llama.ts";
import { withModel, words } from "../../testing/states.ts";

const WAYS: readonly (readonly [string, (path: string) => void, LlamaSettings])[] = [
  ["a recurrent model", writeRecurrentModel, {}],
  ["a hybrid model that guesses", writeHybridModel, { speculative: "lookup", draft_tokens: 12 }],
  ["a sliding-window model that guesses", writeSlidingWindowModel, { speculative: "lookup" }],
  // So little memory that states are forgotten.
  ["a hybrid model whose layers draft", writeHybridMtpModel, {
    speculative: "mtp",
    checkpoint_mib: 1,
  }],
];
const REQUESTS = 16;
const SLOTS = 2;
/** A token that ends a message. */
const END = 2;

interface Asked {
  readonly prompt_tokens: readonly number[];
  readonly max_tokens: number;
}

function randomRequests(seed: number): Asked[] {
  const random = seededRandom(seed);
  const below = (end: number) => Math.floor(random() * end);
  const asked: Asked[] = [];
  while (asked.length < REQUESTS) {
    // Few places to differ at and few ways to go on, so that some come again.
    const begin = [1, ...words(1, 50 * (1 + below(3)))];
    const tokens = [...begin, ...words(10 + below(3), 20 * (1 + below(3)))];
    if (random() < 0.3) tokens[begin.length - 1] = END;
    const how = random() < 0.5 ? { temperature: 0 } : { temperature: 1, seed: asked.length };
    const logprobs = random() < 0.2 ? { prompt_logprobs: 1 } : {};
    asked.push({ prompt_tokens: tokens, max_tokens: 1 + below(50), ...how, ...logprobs });
  }
  return asked;
}

for (const [at, [name, write, settings]] of WAYS.entries()) {
  Deno.test(`llama.cpp says the same to random requests of ${name} as to each alone`, async () => {
    const asked = randomRequests(at + 1);
    const texts: string[] = [];
    let reused = 0;
    await withModel(write, { slots: SLOTS, settings }, async ({ generate }) => {
      let next = 0;
      await Promise.all(Array.from({ length: SLOTS }, async () => {
        while (next < asked.length) {
          const index = next++;
          const events = await generate({ ...asked[index] });
          texts[index] = textOf(events);
          reused += endOf(events).tokens_cached;
        }
      }));
    });
    assert.ok(reused > 100, `${reused} tokens were reused`);
    await withModel(write, {}, async ({ generate }) => {
      for (const [index, fields] of asked.entries()) {
        await generate({ prompt_tokens: words(8, 3), max_tokens: 1 });
        const events = await generate({ ...fields });
        assert.equal(texts[index], textOf(events), `request ${index}`);
      }
    });
  });
}
