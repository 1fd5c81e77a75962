import assert from "node:assert/strict";
import { join } from "node:path";
import { getLlama, LlamaLogLevel, type LlamaModel, type Token } from "node-llama-cpp";
import { counterModel, writeCounterModel, writeRandomModel, writeUtf8Model } from "./models.ts";
import { wordVocabulary } from "./vocabulary.ts";

/** Runs the test body with a model in a quiet llama.cpp on the CPU. */
async function withModel(path: string, body: (model: LlamaModel) => Promise<void>): Promise<void> {
  const llama = await getLlama({
    gpu: false,
    build: "never",
    progressLogs: false,
    logLevel: LlamaLogLevel.error,
  });
  try {
    const model = await llama.loadModel({ modelPath: path });
    try {
      await body(model);
    } finally {
      // If several models are still loaded, llama.dispose() often never returns.
      await model.dispose();
    }
  } finally {
    await llama.dispose();
  }
}

/** Up to `count` greedily chosen token ids; fewer if the model ends by itself. */
async function decode(model: LlamaModel, prompt: Token[], count: number): Promise<Token[]> {
  // By default the binding uses at least four threads, which spin on a small machine.
  const context = await model.createContext({ contextSize: 512, sequences: 1, threads: 1 });
  try {
    const tokens: Token[] = [];
    for await (const token of context.getSequence().evaluate(prompt, { temperature: 0 })) {
      tokens.push(token);
      if (tokens.length === count) break;
    }
    return tokens;
  } finally {
    await context.dispose();
  }
}

/** Tokenizes a prompt as the worker does: with the token for the start of a text. */
function tokenize(model: LlamaModel, text: string): Token[] {
  const bos = model.tokens.bos;
  assert(bos !== null);
  return [bos, ...model.tokenize(text)];
}

function inTempDir(body: (dir: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
    try {
      await body(dir);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  };
}

Deno.test(
  "the counter model counts on, 200 tokens one after the other",
  () =>
    withModel(counterModel(), async (model) => {
      const { number } = wordVocabulary(2000);

      assert.deepEqual(model.tokenize("w1 w2 w3"), [1, 2, 3].map(number));
      assert.deepEqual(model.tokenize("w123 w1999"), [123, 1999].map(number));
      assert.equal(model.tokenize(" w7").at(-1), number(7));

      const expected = (from: number) => Array.from({ length: 200 }, (_, at) => number(from + at));
      assert.deepEqual(await decode(model, tokenize(model, " w7"), 200), expected(8));
      assert.deepEqual(await decode(model, tokenize(model, "w1 w2 w3"), 200), expected(4));
      assert.deepEqual(await decode(model, tokenize(model, "count from w990"), 200), expected(991));
      assert.deepEqual(await decode(model, tokenize(model, ""), 200), expected(0));

      const ids = (...values: number[]) => values.map((value) => number(value) as Token);
      assert.equal(model.detokenize(ids(8, 9), false, ids(7)), " w8 w9");
      assert.match(model.fileInfo.metadata.tokenizer.chat_template ?? "", /message\['content'\]/);
    }),
);

Deno.test(
  "the counter model ends after its last number",
  inTempDir(async (dir) => {
    const path = join(dir, "small.gguf");
    writeCounterModel(path, { numbers: 20, context: 512 });
    await withModel(path, async (model) => {
      const { number } = wordVocabulary(20);
      assert.equal(model.trainContextSize, 512);
      assert.deepEqual(await decode(model, tokenize(model, "w17"), 50), [number(18), number(19)]);
    });
  }),
);

Deno.test(
  "the UTF-8 model generates each byte of its text as a token, over and over",
  inTempDir(async (dir) => {
    const path = join(dir, "utf8.gguf");
    writeUtf8Model(path);
    await withModel(path, async (model) => {
      const { byte } = wordVocabulary(0);
      const cycle = Array.from(new TextEncoder().encode("a😀é漢"), byte);
      const twice = [...cycle, ...cycle];

      assert.deepEqual(await decode(model, tokenize(model, ""), 20), twice);
      assert.deepEqual(await decode(model, tokenize(model, "a"), 10), twice.slice(1, 11));
      assert.equal(model.detokenize(cycle as Token[]), "a😀é漢");
    });
  }),
);

for (const type of ["F32", "F16", "Q8_0", "Q4_0"] as const) {
  Deno.test(
    `a random model in ${type} generates the same words again after the same prompt`,
    inTempDir(async (dir) => {
      const path = join(dir, "random.gguf");
      writeRandomModel(path, { type });
      await withModel(path, async (model) => {
        const prompt = tokenize(model, "w1 w2 w3");
        const tokens = await decode(model, prompt, 40);

        assert.equal(tokens.length, 40, "control tokens have no weight, so it does not end");
        assert.deepEqual(await decode(model, prompt, 40), tokens);
        assert.notDeepEqual(await decode(model, tokenize(model, "w9"), 40), tokens);
        assert(new Set(tokens).size > 10, `it must not fall into a loop at once: ${tokens}`);
      });
    }),
  );
}

Deno.test(
  "the same options give the same bytes, another seed gives others",
  inTempDir(async (dir) => {
    const bytes = (name: string) => Deno.readFile(join(dir, name));
    for (const [name, seed] of [["a", 1], ["b", 1], ["c", 2]] as const) {
      writeRandomModel(join(dir, name), { seed, type: "Q4_0", vocabulary: 300 });
    }
    assert.deepEqual(await bytes("a"), await bytes("b"));
    assert.notDeepEqual(await bytes("a"), await bytes("c"));
  }),
);

Deno.test("a shape that cannot be written is refused", () => {
  const write = (options: Parameters<typeof writeRandomModel>[1]) => () =>
    writeRandomModel("/nowhere.gguf", options);
  assert.throws(write({ vocabulary: 100 }), /must be at least 272: current value is 100/);
  assert.throws(write({ width: 128, heads: 3 }), /3 heads must divide the width 128/);
  assert.throws(() => writeUtf8Model("/nowhere.gguf", { text: "aa" }), /each of its bytes/);
});
