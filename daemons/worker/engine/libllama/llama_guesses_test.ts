/**
 * Guessed tokens of models whose memory cannot be cut at will, and of models with layers that draft.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { LlamaSettings } from "#shared/config/llama.ts";
import {
  writeHybridModel,
  writeHybridMtpModel,
  writeMtpModel,
  writeRecurrentModel,
  writeSlidingWindowModel,
} from "../../../../tests/support/arch_models.ts";
import { writeRandomModel } from "../../../../tests/support/models.ts";
import { idsOf, request, textOf } from "../../testing/generator.ts";
import { endOf } from "../../testing/llama.ts";
import { withModel, words } from "../../testing/states.ts";

const exactMtp = (path: string) => writeMtpModel(path, { noise: 0 });

/** Prompts of which some repeat themselves, with several ways to choose. */
const ASKED = [
  { prompt_tokens: [1, ...words(1, 60)], max_tokens: 60, temperature: 0 },
  { prompt_tokens: [1, ...words(2, 30), ...words(2, 20)], max_tokens: 60, temperature: 0 },
  { prompt_tokens: [1, ...words(2, 30), ...words(2, 20)], max_tokens: 40, temperature: 1, seed: 5 },
  {
    prompt_tokens: [1, ...words(2, 30), ...words(3, 90)],
    max_tokens: 40,
    temperature: 0.4,
    seed: 9,
  },
  { prompt_tokens: [1, ...words(1, 60)], max_tokens: 60, temperature: 0 },
];

interface Said {
  readonly text: string;
  readonly ids: readonly number[];
  readonly cached: number;
}

async function say(
  write: (path: string) => void,
  settings: LlamaSettings,
  slots: number,
): Promise<{ said: Said[]; warnings: string[] }> {
  const said: Said[] = [];
  const warnings: string[] = [];
  const onWarning = (message: string) => void warnings.push(message);
  await withModel(write, { slots, settings, onWarning }, async ({ generate }) => {
    const ask = async (fields: Record<string, unknown>) => {
      const events = await generate(fields);
      return { text: textOf(events), ids: idsOf(events), cached: endOf(events).tokens_cached };
    };
    if (slots > 1) said.push(...await Promise.all(ASKED.map(ask)));
    else for (const fields of ASKED) said.push(await ask(fields));
  });
  return { said, warnings };
}

const answers = (said: readonly Said[]) => said.map(({ text, ids }) => ({ text, ids }));

const WAYS: readonly (readonly [string, (path: string) => void, LlamaSettings])[] = [
  ["a hybrid model", writeHybridModel, { speculative: "lookup" }],
  ["a hybrid model, with many of them", writeHybridModel, {
    speculative: "lookup",
    draft_tokens: 30,
  }],
  ["a sliding-window model", writeSlidingWindowModel, { speculative: "lookup" }],
  ["layers of a model", writeMtpModel, { speculative: "mtp" }],
  ["layers of a model that are mostly right", exactMtp, { speculative: "mtp", draft_tokens: 8 }],
  ["layers of a hybrid model", writeHybridMtpModel, { speculative: "mtp" }],
];

for (const [name, write, settings] of WAYS) {
  Deno.test(`llama.cpp says the same with guesses of ${name} as without`, async () => {
    const plain = await say(write, {}, 1);
    for (const slots of [1, 3]) {
      const guessed = await say(write, settings, slots);
      assert.deepEqual(answers(guessed.said), answers(plain.said), `${slots} slots`);
      assert.deepEqual(guessed.warnings.filter((line) => line.includes("speculative")), []);
      if (slots === 1) assert.ok(guessed.said[2]!.cached > 0, "it goes back to a state");
    }
  });
}

for (
  const [name, write] of [["plain", writeRandomModel], [
    "sliding-window",
    writeSlidingWindowModel,
  ]] as const
) {
  Deno.test(`guesses of a ${name} model that are decided one by one are right beside runs without guesses`, async () => {
    const asked = [
      { prompt_tokens: [1, ...words(2, 20), ...words(2, 20)], max_tokens: 60, temperature: 0 },
      { prompt_tokens: [1, ...words(5, 60)], max_tokens: 80, temperature: 0 },
      { prompt_tokens: [1, ...words(7, 40)], max_tokens: 80, temperature: 1, seed: 5 },
    ];
    const say = async (settings: LlamaSettings, slots: number) => {
      const said: (readonly number[])[] = [];
      await withModel((path) => void write(path), { slots, settings }, async ({ generate }) => {
        // An answer that may not end yet is decided token by token.
        const ask = async (fields: object) => idsOf(await generate({ ...fields, min_tokens: 50 }));
        if (slots > 1) said.push(...await Promise.all(asked.map(ask)));
        else for (const fields of asked) said.push(await ask(fields));
      });
      return said;
    };
    assert.deepEqual(await say({ speculative: "lookup" }, 3), await say({}, 1));
  });
}

/** Steps in which a model generates tokens, without those of its prompt. */
async function stepsFor(
  write: (path: string) => void,
  settings: LlamaSettings,
  tokens: number,
): Promise<number> {
  let steps = 0;
  await withModel(write, { settings }, async ({ engine }) => {
    const sequence = engine.sequences[0]!;
    const sampling = await engine.createSampling(request(), 0);
    const prompt = [1, ...words(2, 30), ...words(2, 20)];
    const generation = sequence.generate(prompt, sampling);
    for (let made = 0; made < tokens; steps++) made += (await generation.next()).length;
    generation.close();
    sampling.dispose();
  });
  return steps;
}

Deno.test("llama.cpp takes fewer steps with the layers of a model that draft", async () => {
  assert.equal(await stepsFor(exactMtp, {}, 60), 60);
  const steps = await stepsFor(exactMtp, { speculative: "mtp" }, 60);
  // Four tokens at most are guessed at once, and nearly all guesses are right.
  assert.ok(steps >= 12 && steps < 25, `${steps} steps`);
  const hybrid = await stepsFor(writeHybridMtpModel, { speculative: "mtp" }, 60);
  assert.ok(hybrid < 50, `${hybrid} steps`);
  // What is written again is guessed from the text.
  const lookup = await stepsFor(writeHybridModel, { speculative: "lookup" }, 400);
  assert.ok(lookup < 400, `${lookup} steps`);
});

Deno.test("llama.cpp refuses to draft with layers that a model does not have", () =>
  assert.rejects(
    withModel(writeHybridModel, { settings: { speculative: "mtp" } }, () => Promise.resolve()),
    /speculative = "mtp": its file has no layers for multi-token prediction; use "lookup"/,
  ));

Deno.test("llama.cpp says at the load where it cannot guess, and generates without", async () => {
  const off = async (write: (path: string) => void, settings: LlamaSettings) => {
    const { said, warnings } = await say(write, settings, 1);
    const plain = await say(write, { ...settings, speculative: "off" }, 1);
    assert.deepEqual(answers(said), answers(plain.said));
    return warnings.filter((line) => line.includes("speculative"));
  };
  const cannot = /speculative is off: llama.cpp cannot take guessed tokens back/;
  const [recurrent, ...none] = await off(writeRecurrentModel, { speculative: "lookup" });
  assert.match(recurrent!, cannot);
  assert.deepEqual(none, []);
  const [small] = await off(writeHybridModel, { speculative: "lookup", batch_size: 2 });
  assert.match(small!, cannot);
});

Deno.test("llama.cpp does not draft with a model whose state it cannot take back", async () => {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    const draft_model = join(dir, "draft.gguf");
    writeHybridModel(draft_model);
    const settings = { speculative: "draft", draft_model } as const;
    const { said, warnings } = await say(writeSlidingWindowModel, settings, 1);
    const plain = await say(writeSlidingWindowModel, {}, 1);
    assert.deepEqual(answers(said), answers(plain.said));
    assert.ok(warnings.some((line) => line.includes("recurrent state of the draft model")));
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
