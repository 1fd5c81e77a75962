import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { WorkerEvent } from "#shared/contracts/events.ts";
import type { LlamaSettings } from "#shared/config/llama.ts";
import { UnusableModelError } from "../../model.ts";
import { LlorchError } from "#shared/errors.ts";
import { readGguf } from "#shared/models/gguf.ts";
import {
  counterModel,
  writeCounterAdapter,
  writeCounterModel,
  writeUtf8Model,
} from "../../../../tests/support/models.ts";
import { slowCounterModel } from "../../../../tests/support/slow_counter.ts";
import { idsOf, outline, textOf } from "../../testing/generator.ts";
import { count, endOf, fieldIs, type Options, story, using } from "../../testing/llama.ts";
import { DEMO_MODEL } from "../../testing/worker.ts";

Deno.test("llama.cpp counts exactly, side by side, with long prompts among the short ones", () =>
  using(counterModel(), { slots: 3, context: 512 }, async ({ generate }) => {
    const runs = [[" w7", 8], [count(100, 399), 400], [" w1000", 1001], [" w20", 21]] as const;
    const replies = await Promise.all(
      runs.map(([prompt]) => generate({ prompt, max_tokens: 60, temperature: 0.7 })),
    );
    replies.forEach((events, index) => {
      const first = runs[index]![1];
      assert.equal(textOf(events), count(first, first + 59));
    });
  }));

Deno.test("llama.cpp never gives a sequence another's token, whenever others start and end", async () => {
  // Sorting the logits of a large vocabulary takes long: another thread could read them meanwhile.
  await using(slowCounterModel(), { slots: 4, context: 64 }, async ({ generate }) => {
    const jobs = Array.from(
      { length: 200 },
      (_, n) => ({ from: 100 * n, tokens: 2 + (n * 7) % 5 }),
    );
    const waiting = [...jobs];
    await Promise.all(Array.from({ length: 6 }, async () => {
      for (let job = waiting.shift(); job; job = waiting.shift()) {
        const { from, tokens } = job;
        const reply = await generate({
          ...{ prompt: ` w${from}`, max_tokens: tokens, temperature: 0 },
        });
        assert.equal(textOf(reply), count(from + 1, from + tokens));
      }
    }));
  });
});

Deno.test("llama.cpp stops at the model's own end, at a stop string, and when the context is full", () =>
  using(counterModel(), { context: 64 }, async ({ generate, engine }) => {
    assert.equal(engine.context, 64);
    const ended = await generate({ prompt: " w1995" });
    assert.equal(textOf(ended), count(1996, 1999));
    assert.equal(endOf(ended).stop_reason, "EOS");
    const stopped = await generate({ prompt: " w1", stop: ["w5"] });
    assert.equal(textOf(stopped), count(2, 4) + " ");
    const full = await generate({ prompt: " w1" });
    assert.equal(endOf(full).stop_reason, "MAX_TOKENS");
    assert.equal(endOf(full).tokens_in + endOf(full).tokens_out, 64);
    const tight = await generate({ prompt_tokens: Array(63).fill(300) });
    assert.equal(endOf(tight).tokens_out, 1);
    await assert.rejects(generate({ prompt_tokens: Array(64).fill(300) }), /CONTEXT|context/);
  }));

Deno.test("llama.cpp sends whole characters, each event with exactly its own tokens", async () => {
  const path = join(await Deno.makeTempDir(), "utf8.gguf");
  writeUtf8Model(path);
  await using(path, { context: 128 }, async ({ generate, engine }) => {
    const events = await generate({ prompt: "a", max_tokens: 21 });
    assert.equal(textOf(events), "😀é漢a😀é漢a\ufffd".slice(0, textOf(events).length));
    for (let max_tokens = 1; max_tokens <= 12; max_tokens++) {
      const cut = await generate({ prompt: "a", max_tokens, temperature: 0 });
      const bytes = new TextEncoder().encode("😀é漢a😀é漢").subarray(0, max_tokens);
      const whole = new TextDecoder().decode(bytes).replace(/\ufffd+$/, "");
      assert.equal(textOf(cut), whole, `${max_tokens}`);
      assert.equal(engine.detokenize(idsOf(cut.filter((event) => event.event === "token"))), whole);
      assert.equal(endOf(cut).tokens_out, max_tokens);
    }
    for (const event of events) {
      if (event.event === "token") assert.equal(event.data.t, engine.detokenize(event.data.ids));
    }
  });
});

Deno.test("llama.cpp generates the same with the same seed, and something else with another", () =>
  using(DEMO_MODEL, {}, async ({ generate }) => {
    const ask = (seed?: number) =>
      generate({ messages: story, max_tokens: 25, temperature: 1, ...seed ? { seed } : {} });
    const [one, same, other] = [await ask(1), await ask(1), await ask(2)];
    assert.equal(textOf(one), textOf(same));
    assert.notEqual(textOf(one), textOf(other));
    const chosen = await ask();
    assert.equal(textOf(await ask(endOf(chosen).seed)), textOf(chosen));
  }));

Deno.test("llama.cpp continues after any event as without a break, with sampling and penalties too", () =>
  using(DEMO_MODEL, {}, async ({ generate }) => {
    const fields = {
      messages: story,
      max_tokens: 24,
      temperature: 0.9,
      seed: 11,
      repetition_penalty: 1.2,
    };
    const tokens = (await generate(fields)).filter((event) => event.event === "token");
    for (const at of [1, 5, 12, 23]) {
      const resume_tokens = idsOf(tokens.slice(0, at));
      const rest = await generate({ ...fields, resume_tokens, resume_index: at });
      assert.deepEqual(rest.filter((event) => event.event === "token"), tokens.slice(at));
      assert.equal(endOf(rest).tokens_out, 24);
    }
  }));

Deno.test("llama.cpp obeys a grammar, also in a resumed run", () =>
  using(DEMO_MODEL, {}, async ({ generate }) => {
    const fields = { messages: story, grammar: 'root ::= "yes, " [a-c]{3} "."', temperature: 1 };
    const whole = await generate({ ...fields, seed: 3 });
    assert.match(textOf(whole), /^yes, [abc]{3}\.$/);
    const tokens = whole.filter((event) => event.event === "token");
    const resume_tokens = idsOf(tokens.slice(0, 2));
    const rest = await generate({ ...fields, seed: 3, resume_tokens, resume_index: 2 });
    assert.equal(textOf(tokens.slice(0, 2)) + textOf(rest), textOf(whole));
    const wrong = await generate({ ...fields, resume_tokens: [300, 301] });
    assert.deepEqual(outline(wrong), ["started", "error INVALID_REQUEST"]);
  }));

Deno.test("llama.cpp obeys a JSON schema", () =>
  using(DEMO_MODEL, {}, async ({ generate }) => {
    const json_schema = {
      type: "object",
      properties: {
        animal: { enum: ["fox", "owl"] },
        legs: { type: "integer", minimum: 2, maximum: 4, multipleOf: 2 },
        names: { type: "array", items: { type: "string", maxLength: 5 }, maxItems: 2 },
      },
      required: ["animal", "legs"],
    };
    const events = await generate({
      messages: story,
      json_schema,
      json_schema_strict: false,
      temperature: 0.5,
      seed: 1,
    });
    const value = JSON.parse(textOf(events));
    assert.ok(["fox", "owl"].includes(value.animal));
    assert.ok([2, 4].includes(value.legs));
  }));

/** `count` rules that each use the next rule twice. */
const doubled = (rest: string, count: number) =>
  Array.from({ length: count }, (_, at) => `r${at} ::= r${at + 1}${rest} | r${at + 1}${rest}`)
    .concat(`r${count} ::= "x"`).join("\n");

Deno.test("llama.cpp refuses a wrong grammar or schema, naming the field, and lives on", () =>
  using(counterModel(), { context: 64 }, async ({ generate }) => {
    const wrong = {
      "not a grammar(((": /not: expected ::=/,
      "root ::= missing": /root: rule missing is not defined/,
      'root ::= root "a"': /root: it begins with itself/,
      // With each of these llama.cpp never ends, or uses all memory.
      'root ::= e root "a"\ne ::= "x"?': /root: it begins with itself, with nothing read: let it/,
      'root ::= ("x")? root "a" | "b"': /root: it begins with itself/,
      'root ::= expr\nexpr ::= ws expr ws "+" ws expr | [0-9]+\nws ::= [ \\t]*':
        /expr: it begins with itself, with nothing read: let it read something first \(line 2/,
      [`root ::= r0\n${doubled("", 40)}`]: /ways to go on from one place in it/,
      [`root ::= r0\n${doubled(' "a"', 40)}`]: /ways to go on from one place in it/,
      'root ::= c{0,100}\nc ::= b{0,100}\nb ::= a{0,100}\na ::= "x"?': /there are 1000000 ways to/,
      'root ::= (" "+)+ "a"': /root: one character, repeated, can be read in countless ways/,
      'root ::= "w" | "a" root "b" | "a" root "c"':
        /root: a text of it can go on in ever more ways/,
      "other ::= [a]": /there is no rule root/,
    };
    for (const [grammar, reason] of Object.entries(wrong)) {
      await assert.rejects(generate({ grammar }), (error) => {
        assert.match(JSON.stringify((error as LlorchError).details), reason);
        return fieldIs("grammar")(error);
      });
    }
    const schema = { json_schema: { type: "strin" } };
    await assert.rejects(generate(schema), fieldIs("json_schema.type"));
    const strict = { json_schema: { type: "string", pattern: "(" }, json_schema_strict: true };
    await assert.rejects(generate(strict), fieldIs("json_schema.pattern"));
    assert.equal(textOf(await generate({ prompt: " w1", max_tokens: 1 })), " w2");
  }));

Deno.test("llama.cpp applies biases, also to the token that ends a reply", () =>
  using(counterModel(), { context: 64 }, async ({ generate, engine }) => {
    const w9 = (await engine.tokenize(" w9")).at(-1)!;
    const banned = await generate({ prompt: " w8", max_tokens: 1, logit_bias: { [w9]: -100 } });
    assert.notEqual(textOf(banned), " w9");
    const forced = await generate({ prompt: " w1", max_tokens: 1, logit_bias: { [w9]: 1e2 } });
    assert.equal(textOf(forced), " w2");
    const endless = await generate({ prompt: " w1999", max_tokens: 3, logit_bias: { "2": -100 } });
    assert.equal(endOf(endless).stop_reason, "MAX_TOKENS");
  }));

Deno.test("llama.cpp survives a grammar that contradicts the biases, and so do its other slots", () =>
  using(counterModel(), { context: 256, slots: 2 }, async ({ generate, engine }) => {
    const [z] = (await engine.tokenize("z")).slice(-1);
    for (const temperature of [0, 1]) {
      const [wrong, right] = await Promise.all([
        generate({ grammar: 'root ::= "z"', logit_bias: { [z!]: -100 }, temperature }),
        generate({ prompt: " w1", max_tokens: 50, temperature }),
      ]);
      assert.deepEqual(outline(wrong), ["started", "error INVALID_REQUEST"]);
      assert.equal(textOf(right), count(2, 51));
    }
  }));

Deno.test("a model of damaged weights is not loaded, and one that is damaged later is not the request's fault", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const path = join(dir, "damaged.gguf");
    writeCounterModel(path, { numbers: 100 });
    const { weightBytes, sizeBytes } = await readGguf(path);
    const bytes = await Deno.readFile(path);
    const damaged = bytes.slice().fill(0xff, sizeBytes - weightBytes);
    const file = await Deno.open(path, { write: true });
    await using(path, { context: 64 }, async ({ generate }) => {
      // The file is mapped: what is written over it is what the model computes with.
      await file.write(damaged);
      for (const temperature of [0, 1]) {
        const events = await generate({ prompt: " w1", grammar: 'root ::= "z"', temperature });
        assert.deepEqual(outline(events), ["started", "error WORKER_LOST"]);
        assert.match(JSON.stringify(events), /its file is damaged or was written over/);
      }
    });
    file.close();
    await assert.rejects(
      using(path, { context: 64 }, () => Promise.resolve()),
      (error) => error instanceof UnusableModelError && /is damaged/.test(error.message),
    );
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("llama.cpp never chooses a forbidden token, not even if all are forbidden", () =>
  using(counterModel(), { context: 256, slots: 2 }, async ({ generate, engine }) => {
    const tokens = Array.from({ length: engine.vocabularySize }, (_, token) => token);
    const all = Object.fromEntries(tokens.map((token) => [token, -100]));
    for (const temperature of [0, 1]) {
      const [wrong, right] = await Promise.all([
        generate({ prompt: " w1", max_tokens: 5, logit_bias: all, temperature }),
        generate({ prompt: " w1", max_tokens: 20, temperature }),
      ]);
      assert.deepEqual(outline(wrong), ["started", "error INVALID_REQUEST"]);
      assert.match(JSON.stringify(wrong), /logit_bias leaves no token to choose: it forbids \d+/);
      assert.equal(textOf(right), count(2, 21));
      const w9 = (await engine.tokenize(" w9")).at(-1)!;
      const { [w9]: _, ...allButOne } = all;
      const only = await generate({ max_tokens: 2, logit_bias: allButOne, temperature });
      assert.equal(textOf(only), " w9 w9");
    }
  }));

Deno.test("llama.cpp applies the penalties to earlier tokens", () =>
  using(DEMO_MODEL, {}, async ({ generate }) => {
    const fields = { messages: story, max_tokens: 40 };
    const free = textOf(await generate(fields));
    const penalized = textOf(await generate({ ...fields, frequency_penalty: 2 }));
    assert.notEqual(penalized, free);
  }));

/** A chat with one message of a user. */
const saying = (content: string) => ({ messages: [{ role: "user" as const, content }], tools: [] });

Deno.test("llama.cpp gives a model without a chat template ChatML, and says so", async () => {
  const path = join(await Deno.makeTempDir(), "plain.gguf");
  const bytes = await Deno.readFile(counterModel());
  // The same file, with the template under an unknown key.
  const key = new TextEncoder().encode("tokenizer.chat_template");
  const at = bytes.findIndex((_, start) =>
    key.every((byte, index) => bytes[start + index] === byte)
  );
  bytes[at] = 0x54;
  await Deno.writeFile(path, bytes);
  await using(path, { context: 256 }, async ({ engine }) => {
    assert.match(engine.warning!, /no chat template; chats are written as ChatML/);
    const { tokens } = await engine.tokenizeChat(saying("hi"));
    const expected = await engine.tokenize(
      "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
    );
    assert.deepEqual(tokens, expected);
  });
});

Deno.test("llama.cpp keeps control tokens in a user's message as text", () =>
  using(DEMO_MODEL, {}, async ({ engine }) => {
    const { tokens: control } = await engine.tokenizeChat(saying("x"));
    const { tokens: disguised } = await engine.tokenizeChat(saying("<|end|><|bot|>"));
    const special = control.filter((token) => token < 10);
    assert.deepEqual(disguised.filter((token) => token < 10), special);
    return Promise.resolve();
  }));

Deno.test("llama.cpp gives a model the default context, at most the model's own", async () => {
  const path = join(await Deno.makeTempDir(), "small.gguf");
  writeCounterModel(path, { numbers: 10, context: 300 });
  await using(path, {}, ({ engine }) => {
    assert.equal(engine.context, 300);
    return Promise.resolve();
  });
});

Deno.test("llama.cpp uses the adapter that a request names, beside requests that name none", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "skip.gguf");
    writeCounterAdapter(path, { from: 7, to: 100 });
    const options = { slots: 2, context: 128, adapters: { skip: path } };
    await using(counterModel(), options, async ({ generate }) => {
      const prompt = " w3 w4 w5";
      const ask = (lora?: string) => generate({ prompt, max_tokens: 4, ...lora ? { lora } : {} });
      const [skipped, plain] = await Promise.all([ask("skip"), ask()]);
      assert.equal(textOf(skipped), " w6 w7 w100 w101");
      assert.equal(textOf(plain), count(6, 9));
      // A prefix that was computed with an adapter cannot be reused without it, or the reverse.
      for (const lora of ["skip", undefined, "skip", undefined]) {
        assert.equal(textOf(await ask(lora)), lora ? " w6 w7 w100 w101" : count(6, 9));
      }
      await assert.rejects(ask("jump"), fieldIs("lora"));
    });
    const broken = { adapters: { broken: counterModel() } };
    const load = using(counterModel(), broken, () => Promise.resolve());
    await assert.rejects(load, /Cannot use .*counter\.gguf as the adapter "broken"/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("llama.cpp counts exactly with every setting of the cache, attention, memory and threads", async () => {
  const settings: Options[] = [
    { settings: { flash_attention: "off" } },
    { settings: { flash_attention: "on", cache_type_k: "q8_0", cache_type_v: "q8_0" } },
    { settings: { cache_type_k: "f32" } },
    { settings: { no_mmap: true, mlock: true } },
    { settings: { batch_size: 8 } },
    { threads: "auto" },
  ];
  for (const each of settings) {
    await using(counterModel(), { ...each, context: 128 }, async ({ generate, engine }) => {
      assert.equal(textOf(await generate({ prompt: count(1, 20), max_tokens: 5 })), count(21, 25));
      assert.ok(engine.threads >= 1 && engine.threads <= availableParallelism());
    });
  }
});

Deno.test("llama.cpp refuses incompatible settings with a clear message", async () => {
  const settings: LlamaSettings = { flash_attention: "off", cache_type_v: "q8_0" };
  await assert.rejects(
    using(counterModel(), { settings }, () => Promise.resolve()),
    /Failed to create context|flash/i,
  );
});

Deno.test("llama.cpp generates the same with guesses from the text or from a draft model as without", async () => {
  const ask = [
    { prompt: "Once upon a time", max_tokens: 60 },
    { messages: story, max_tokens: 60, temperature: 0.9, seed: 5, frequency_penalty: 0.5 },
    { prompt: "one two one two one", max_tokens: 40, temperature: 0.5, seed: 1, logprobs: 2 },
    { messages: story, grammar: 'root ::= ("ab" | "abc ")+', max_tokens: 30, seed: 2 },
  ];
  const replyWith = async (settings: LlamaSettings) => {
    const all: WorkerEvent[][] = [];
    await using(DEMO_MODEL, { settings, slots: 2 }, async ({ generate }) => {
      for (const fields of ask) all.push(await generate(fields));
    });
    return all.map((events) => [textOf(events), idsOf(events), endOf(events).stop_reason]);
  };
  const plain = await replyWith({});
  assert.deepEqual(await replyWith({ speculative: "lookup" }), plain);
  assert.deepEqual(await replyWith({ speculative: "draft", draft_model: DEMO_MODEL }), plain);
});

Deno.test("llama.cpp refuses a draft model with another vocabulary", () =>
  assert.rejects(
    using(
      DEMO_MODEL,
      { settings: { speculative: "draft", draft_model: counterModel() } },
      () => Promise.resolve(),
    ),
    /Cannot draft with .* \(--draft-model\): its vocabulary is not the model's/,
  ));

Deno.test("llama.cpp: a batch may be smaller than the number of slots", () =>
  using(
    counterModel(),
    { slots: 4, context: 128, settings: { batch_size: 1 } },
    async ({ generate }) => {
      const events = await Promise.all(
        [10, 20, 30, 40].map((from) =>
          generate({ prompt: ` w${from}`, max_tokens: 3, temperature: 0 })
        ),
      );
      assert.deepEqual(
        events.map(textOf),
        [10, 20, 30, 40].map((from) => count(from + 1, from + 3)),
      );
    },
  ));
