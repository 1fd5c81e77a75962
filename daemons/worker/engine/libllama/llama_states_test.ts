/**
 * Prefix reuse of models whose memory cannot be cut at will: recurrent, hybrid, and with windows.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  writeHybridModel,
  writeHybridMtpModel,
  writeRecurrentModel,
  writeSlidingWindowModel,
} from "../../../../tests/support/arch_models.ts";
import { textOf } from "../../testing/generator.ts";
import { endOf } from "../../testing/llama.ts";
import { withModel, words } from "../../testing/states.ts";

interface Model {
  readonly write: (path: string) => void;
  /** Tokens before the end of a prompt that are evaluated when it comes again. */
  readonly tail: number;
}

const MODELS: Readonly<Record<string, Model>> = {
  hybrid: { write: writeHybridModel, tail: 4 },
  "hybrid model with layers that draft": { write: writeHybridMtpModel, tail: 4 },
  recurrent: { write: writeRecurrentModel, tail: 4 },
  // Its cache has a batch more than the window.
  "sliding-window": { write: writeSlidingWindowModel, tail: 1 },
};

for (const [name, { write, tail }] of Object.entries(MODELS)) {
  Deno.test(`llama.cpp goes back to states of a ${name} model, and says the same as without`, async () => {
    const begin = [1, ...words(1, 150)];
    const prompts = [
      [...begin, ...words(2, 40)],
      [...begin, ...words(3, 60)],
      [...begin, ...words(4, 30)],
      [...begin, ...words(4, 30)],
      [...begin, ...words(5, 130), ...words(6, 50)],
      [...begin, ...words(5, 20)],
      [...begin.slice(0, 100), ...words(7, 20)],
    ];
    const asked = prompts.flatMap((prompt_tokens) =>
      [{ temperature: 0 }, { temperature: 1, seed: 3 }].map((how) => (
        { prompt_tokens, max_tokens: 50, ...how }
      ))
    );
    const cached: number[] = [];
    const texts: string[] = [];
    await withModel(write, {}, async ({ generate }) => {
      for (const fields of asked) {
        const events = await generate(fields);
        cached.push(endOf(events).tokens_cached);
        texts.push(textOf(events));
      }
    });
    const again = prompts.map(({ length }) => length - tail);
    const [first, second, third, fourth, fifth, sixth, last] = again;
    assert.deepEqual(cached, [
      ...[0, first],
      // A state is kept where this one differs from the one before.
      ...[0, second],
      ...[151, third],
      ...[fourth, fourth],
      ...[151, fifth],
      ...[151, sixth],
      ...[0, last],
    ]);
    await withModel(write, {}, async ({ generate }) => {
      for (const [at, fields] of asked.entries()) {
        // Shares no token with what comes next.
        await generate({ prompt_tokens: words(8, 3), max_tokens: 1 });
        const events = await generate(fields);
        assert.equal(endOf(events).tokens_cached, 0);
        assert.equal(texts[at], textOf(events), `answer ${at}`);
      }
    });
  });
}

const MARK = new Uint32Array(8).fill(7);

for (const [name, { write }] of Object.entries(MODELS)) {
  Deno.test(`llama.cpp saves a slot of a ${name} model with the states that it can go back to`, async () => {
    const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
    try {
      const path = join(dir, "slot");
      const prompt_tokens = [1, ...words(1, 190)];
      const asked = { prompt_tokens, max_tokens: 90, temperature: 0 };
      let expected = "";
      await withModel(write, {}, async ({ generate, engine }) => {
        expected = textOf(await generate(asked));
        assert.ok(await engine.sequences[0]!.save(path, MARK) > prompt_tokens.length);
      });
      await withModel(write, {}, async ({ generate, engine }) => {
        await engine.sequences[0]!.restore(path, MARK);
        // Before the answer, of which a window has nothing left.
        const again = await generate(asked);
        assert.equal(endOf(again).tokens_cached, prompt_tokens.length - 4);
        assert.equal(textOf(again), expected);
        // What was restored does not end in the middle of a state.
        const { size } = await Deno.stat(path);
        await Deno.truncate(path, size - 1);
        const whole = await engine.sequences[0]!.restore(path, MARK).catch((error) =>
          error.message
        );
        assert.match(whole, /Cannot restore a slot from .*: the file ends in a checkpoint/);
        assert.equal(engine.sequences[0]!.trim(1000), 0);
      });
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  });
}

Deno.test("llama.cpp keeps no states where none may take memory, and says the same", async () => {
  const write = MODELS["hybrid"]!.write;
  const asked = { prompt_tokens: [1, ...words(1, 100)], max_tokens: 20, temperature: 0 };
  await withModel(write, { settings: { checkpoint_mib: 0 } }, async ({ generate }) => {
    const first = await generate(asked);
    const again = await generate(asked);
    assert.equal(endOf(again).tokens_cached, 0);
    assert.equal(textOf(again), textOf(first));
  });
});

for (const [name, { write }] of Object.entries(MODELS)) {
  Deno.test(`llama.cpp keeps the states of slots of a ${name} model apart`, async () => {
    const prompts = Array.from({ length: 4 }, (_, at) => [1, ...words(at + 1, 100)]);
    const asked = prompts.map((prompt_tokens, seed) => (
      { prompt_tokens, max_tokens: 40, temperature: 1, seed }
    ));
    const alone: string[] = [];
    await withModel(write, {}, async ({ generate }) => {
      for (const fields of asked) alone.push(textOf(await generate(fields)));
    });
    await withModel(write, { slots: 4 }, async ({ generate }) => {
      const together = () => Promise.all(asked.map(async (fields) => await generate(fields)));
      assert.deepEqual((await together()).map(textOf), alone);
      const again = await together();
      assert.deepEqual(again.map(textOf), alone);
      for (const events of again) assert.ok(endOf(events).tokens_cached >= 97);
    });
  });
}

Deno.test("llama.cpp cuts windows anywhere where their cache holds all tokens of a slot", async () => {
  const write = MODELS["sliding-window"]!.write;
  const asked = { prompt_tokens: [1, ...words(1, 80)], max_tokens: 10, temperature: 0 };
  const other = { ...asked, prompt_tokens: [1, ...words(1, 20), ...words(2, 50)] };
  const said: string[] = [];
  // 32 tokens of the window and 64 of a batch are as many as the slot has.
  await withModel(write, { context: 96, settings: { checkpoint_mib: 0 } }, async ({ generate }) => {
    await generate(asked);
    const events = await generate(other);
    assert.equal(endOf(events).tokens_cached, 21);
    said.push(textOf(events));
  });
  await withModel(write, { context: 512 }, async ({ generate }) => {
    said.push(textOf(await generate(other)));
  });
  assert.equal(said[0], said[1]);
});

Deno.test("llama.cpp does not cut a window that was read back to where it misses tokens", async () => {
  const write = MODELS["sliding-window"]!.write;
  const asked = { prompt_tokens: [1, ...words(1, 300)], max_tokens: 40, temperature: 0 };
  const other = { ...asked, prompt_tokens: [1, ...words(1, 20), ...words(2, 50)] };
  // The cache holds all tokens of the slot, but llama.cpp writes only those of the window.
  const options = { context: 512, settings: { checkpoint_mib: 0, batch_size: 512 } };
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    const path = join(dir, "slot");
    const said: string[] = [];
    await withModel(write, options, async ({ generate, engine }) => {
      said.push(textOf(await generate(asked)));
      assert.ok(await engine.sequences[0]!.save(path, MARK) > 300);
      await generate({ prompt_tokens: words(8, 3), max_tokens: 1 });
      said.push(textOf(await generate(other)));
    });
    await withModel(write, options, async ({ generate, engine }) => {
      for (const [at, fields] of [asked, other].entries()) {
        await engine.sequences[0]!.restore(path, MARK);
        const events = await generate(fields);
        assert.equal(endOf(events).tokens_cached, 0);
        assert.equal(textOf(events), said[at]);
      }
      // What goes on after all that was saved needs no more.
      const held = await engine.sequences[0]!.restore(path, MARK);
      assert.ok(held > 300);
      assert.equal(engine.sequences[0]!.trim(held), held);
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
