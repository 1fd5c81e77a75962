/** Effects of each parameter of a request on the output of a real model. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { WorkerEvent } from "#shared/contracts/events.ts";
import { counterModel, writeRandomModel } from "../../../../tests/support/models.ts";
import { openGenerator, readEvents, request, textOf } from "../../testing/generator.ts";
import { engineOptions } from "../../testing/llama.ts";
import type { Engine } from "../engine.ts";
import { loadLibllama } from "./load.ts";

type Ask = (fields: Record<string, unknown>) => Promise<WorkerEvent[]>;

async function using(model: string, work: (ask: Ask, engine: Engine) => Promise<void>) {
  const engine = await loadLibllama(engineOptions(model, { context: 256 }));
  const { generator } = openGenerator(engine, {});
  try {
    await work(async (fields) => {
      const run = await generator.execute(request(fields));
      return await readEvents(run.stream.body);
    }, engine);
  } finally {
    await generator.close();
    await engine.dispose();
  }
}

/** Runs `work` with a model for which many tokens are almost as probable as the best one. */
async function usingUnsure(work: (say: Say, ask: Ask) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "unsure.gguf");
    writeRandomModel(path, { layers: 1, vocabulary: 400 });
    await using(
      path,
      (ask) => work(async (fields) => textOf(await ask({ ...HOT, ...fields })), ask),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

type Say = (fields: Record<string, unknown>) => Promise<string>;

/**
 * A temperature at which all tokens are almost equally probable, with no other limit on the choice.
 */
const HOT = {
  prompt: " w1 w2 w3",
  max_tokens: 30,
  temperature: 5,
  top_k: 0,
  top_p: 1,
  min_p: 0,
  seed: 1,
};

/** Always chooses the most probable token. */
const COLD = { temperature: 0 };

Deno.test("temperature: 0 always chooses the most probable token, higher ones also choose others", () =>
  usingUnsure(async (say) => {
    assert.equal(await say({ ...COLD, seed: 1 }), await say({ ...COLD, seed: 2 }));
    assert.notEqual(await say({ temperature: 1 }), await say(COLD));
    assert.notEqual(await say({ temperature: 5 }), await say({ temperature: 1 }));
  }));

Deno.test("top_k, top_p and min_p: each leaves only the most probable token if it is strict", () =>
  usingUnsure(async (say) => {
    const cold = await say(COLD);
    assert.notEqual(await say({}), cold);
    assert.equal(await say({ top_k: 1 }), cold);
    assert.equal(await say({ top_p: 0 }), cold);
    assert.equal(await say({ min_p: 1 }), cold);
    const some = new Set([
      await say({}),
      await say({ top_k: 3 }),
      await say({ top_p: 0.5 }),
      await say({ min_p: 0.5 }),
    ]);
    assert.ok(some.size > 2, "less strict ones choose among more tokens");
  }));

Deno.test("seed: the same seed gives the same text, another a different one, and a chosen seed is reported", () =>
  usingUnsure(async (say, ask) => {
    assert.equal(await say({ seed: 7 }), await say({ seed: 7 }));
    assert.notEqual(await say({ seed: 7 }), await say({ seed: 8 }));
    const events = await ask({ ...HOT, seed: undefined });
    const end = events.at(-1);
    assert.ok(end?.event === "end");
    assert.equal(await say({ seed: end.data.seed }), textOf(events));
  }));

Deno.test("repetition_penalty, frequency_penalty and presence_penalty: each makes a model repeat itself less", () =>
  usingUnsure(async (say) => {
    const different = async (fields: Record<string, unknown>) => {
      // A few tokens are almost as probable as the best one.
      const text = await say({ temperature: 1, top_k: 4, max_tokens: 60, ...fields });
      return new Set(text.split(" w")).size;
    };
    const plain = await different({});
    for (
      const penalty of [
        { repetition_penalty: 3 },
        { frequency_penalty: 2 },
        { presence_penalty: 2 },
      ]
    ) {
      const more = await different(penalty);
      assert.ok(more > plain, `${JSON.stringify(penalty)}: ${more} after ${plain}`);
    }
  }));

Deno.test("max_tokens: exactly this many; stop: up to any of the texts, across tokens", () =>
  using(counterModel(), async (ask) => {
    const end = async (fields: Record<string, unknown>) => {
      const events = await ask({ prompt: " w1", ...fields });
      const last = events.at(-1);
      assert.ok(last?.event === "end");
      return [textOf(events), last.data.stop_reason, last.data.tokens_out];
    };
    assert.deepEqual(await end({ max_tokens: 3 }), [" w2 w3 w4", "MAX_TOKENS", 3]);
    assert.deepEqual(await end({ stop: ["w9", "w4"] }), [" w2 w3 ", "STOP_SEQUENCE", 3]);
    assert.deepEqual(await end({ stop: ["3 w"] }), [" w2 w", "STOP_SEQUENCE", 3]);
  }));

Deno.test("logit_bias: a token is forced or forbidden", () =>
  usingUnsure(async (say, ask) => {
    const events = await ask({ ...HOT, ...COLD, max_tokens: 1 });
    const token = events.flatMap((event) => event.event === "token" ? event.data.ids : [])[0]!;
    const never = { logit_bias: { [token]: -100 } };
    const saidWithout = await say({ ...COLD, ...never, max_tokens: 1 });
    assert.notEqual(saidWithout, textOf(events));
    const only = { logit_bias: { 300: 100 } };
    assert.equal(await say({ ...only, temperature: 0.1, max_tokens: 3 }), " w28 w28 w28");
  }));
